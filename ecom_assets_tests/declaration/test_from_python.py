"""Shops in Python: what becomes of secrets, auth objects and paginators in a dictionary, and its errors."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
import requests.auth
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2ClientCredentials,
    OAuthJWTAuth,
)
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderCursorPaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)

from ecom_assets import load_shop, rest_api_shop, secret
from ecom_assets.client.secrets import resolve_secrets, secret_sources
from ecom_assets.declaration.api.paginator import new_paginator
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import DeclarationError, MissingSecret
from ecom_assets_tests.support.registered_types import registered
from ecom_assets_tests.support.secrets.leaks import SECRET, leaks
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.own_pages import PairPaginator, SteppedPaginator

THINGS: dict[str, Any] = {
    "name": "things",
    "primary_key": "id",
    "endpoint": {"path": "things", "data_selector": "data"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}},
}
TOKENS = "https://id.example.com/token"


def config(**client: Any) -> dict[str, Any]:
    """Return dlt's configuration of a shop with one table."""
    return {"client": {"base_url": "https://api.example.com", **client}, "resources": [THINGS]}


def shop_with(**client: Any) -> Shop:
    """Return the shop of that configuration."""
    return rest_api_shop("acme", config(**client))


def refused(dictionary: Any, **more: Any) -> str:
    """Return the message with which a dictionary is refused, and require that nothing of the secret is behind it."""
    with pytest.raises(DeclarationError) as caught:
        rest_api_shop("acme", dictionary, **more)
    assert not leaks("".join(traceback.format_exception(caught.value)), [SECRET])
    return str(caught.value)


def test_a_dictionary_declares_what_a_file_declares(tmp_path: Path) -> None:
    dictionary = {
        "client": {"base_url": "https://api.example.com", "headers": {"Accept": "application/json"}},
        "resource_defaults": {
            "primary_key": "id",
            "endpoint": {"paginator": {"type": "offset", "limit": 50}},
        },
        "resources": [
            {
                "name": "orders",
                "endpoint": {
                    "path": "orders",
                    "data_selector": "data",
                    "incremental": {"cursor_path": "updated_at", "start_param": "since"},
                },
                "columns": {
                    "id": {"data_type": "bigint", "nullable": False},
                    "updated_at": {"data_type": "timestamp", "nullable": False},
                },
            }
        ],
    }
    before = copy.deepcopy(dictionary)
    partitions, policy = {"every": "day", "start": "2026-01-01"}, {"max_retries": 1}
    shop = rest_api_shop("acme", dictionary, partitions=partitions, policy=policy)
    assert dictionary == before
    file = tmp_path / "acme.yaml"
    import yaml

    file.write_text(
        yaml.safe_dump({"name": "acme", **dictionary, "partitions": partitions, "policy": policy}), "utf-8"
    )
    from_file = load_shop(file)
    assert shop == from_file
    assert shop.declared_in == "the dictionary of shop acme"
    assert from_file.declared_in.endswith("acme.yaml")
    # the parts of another shop are parts of a declaration
    assert from_file.partitions
    again = rest_api_shop("acme", dictionary, partitions=from_file.partitions, policy=from_file.policy)
    assert again == from_file


AUTHS: dict[str, tuple[Callable[[], Any], list[dict[str, Any]], dict[str, str]]] = {
    "mapping": (
        lambda: {"type": "bearer", "token": SECRET},
        [{"type": "bearer", "secret": "token"}],
        {"token": SECRET},
    ),
    "no type": (lambda: {"token": SECRET}, [{"type": "bearer", "secret": "token"}], {"token": SECRET}),
    "digits": (
        lambda: {"type": "api_key", "api_key": 1234567},
        [{"type": "api_key", "secret": "api_key"}],
        {"api_key": "1234567"},
    ),
    "bearer": (lambda: BearerTokenAuth(SECRET), [{"type": "bearer", "secret": "token"}], {"token": SECRET}),
    "key": (
        lambda: APIKeyAuth("X-Key", SECRET, "query"),
        [{"type": "api_key", "name": "X-Key", "location": "query", "secret": "api_key"}],
        {"api_key": SECRET},
    ),
    "basic": (
        lambda: HttpBasicAuth("me", SECRET),
        [{"type": "http_basic", "secret": {"username": "username", "password": "password"}}],
        {"username": "me", "password": SECRET},
    ),
    "basic of requests": (
        lambda: requests.auth.HTTPBasicAuth("me", SECRET),
        [{"type": "http_basic", "secret": {"username": "username", "password": "password"}}],
        {"username": "me", "password": SECRET},
    ),
    "tokens": (
        lambda: OAuth2ClientCredentials(
            access_token_url=TOKENS,
            client_id="me",
            client_secret=SECRET,
            access_token_request_data={"scope": "read"},
            default_token_expiration=60,
        ),
        [
            {
                "type": "oauth2_client_credentials",
                "access_token_url": TOKENS,
                "access_token_request_data": {"scope": "read"},
                "default_token_expiration": 60,
                "secret": {"client_id": "client_id", "client_secret": "client_secret"},
            }
        ],
        {"client_id": "me", "client_secret": SECRET},
    ),
    "several": (
        lambda: [BearerTokenAuth("first"), {"type": "bearer", "token": SECRET}],
        [{"type": "bearer", "secret": "token"}, {"type": "bearer", "secret": "token_2"}],
        {"token": "first", "token_2": SECRET},
    ),
}


@pytest.mark.parametrize("name", AUTHS)
def test_secrets_of_a_dictionary_are_kept_apart_from_the_declaration(name: str, secrets_toml: Path) -> None:
    make, declared, secrets = AUTHS[name]
    shop = shop_with(auth=make())
    assert [auth.model_dump(exclude_unset=True) for auth in shop.client.auth] == declared
    assert resolve_secrets(shop) == secrets
    assert resolve_secrets(shop, dict.fromkeys(secrets, "given")) == dict.fromkeys(secrets, "given")
    assert set(secret_sources(shop).values()) == {"the dictionary of shop acme"}
    hidden = [value for value in secrets.values() if len(value) > 2]
    for text in (repr(shop), str(shop), repr(shop.client), shop.model_dump_json(), repr(vars(shop))):
        assert not leaks(text, hidden)
    pickled = pickle.dumps(shop)
    assert not any(value.encode() in pickled for value in hidden)
    with pytest.raises(MissingSecret, match="came through a pickle, which never holds one"):
        resolve_secrets(pickle.loads(pickled))
    assert resolve_secrets(copy.deepcopy(shop)) == secrets


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "api_key", "api_key": dlt.secrets.value},
        {"type": "api_key", "api_key": dlt.config.value},
        {"type": "api_key"},
        {"type": "api_key", "api_key": None},
        APIKeyAuth(api_key=dlt.secrets.value),
        APIKeyAuth(),
    ],
)
def test_placeholders_are_looked_up_in_the_run(auth: Any, secrets_toml: Path) -> None:
    """Definitions load without the secret; the run finds it where a file's shop finds it."""
    shop = shop_with(auth=auth)
    with pytest.raises(MissingSecret, match="'api_key' of shop 'acme' was not found"):
        resolve_secrets(shop)
    secrets_toml.write_text('api_key = "top"\n', "utf-8")
    reload_providers()
    assert resolve_secrets(shop) == {"api_key": "top"}
    assert resolve_secrets(pickle.loads(pickle.dumps(shop))) == {"api_key": "top"}


def test_a_named_place_is_looked_up_in_the_run(secrets_toml: Path) -> None:
    basic = {"type": "http_basic", "username": "me", "password": secret("erp.shop.pw")}
    shop = shop_with(auth=[{"token": secret("shop_token")}, basic])
    secrets_toml.write_text('[sources.acme]\nshop_token = "t"\n[erp.shop]\npw = "p"\n', "utf-8")
    reload_providers()
    assert resolve_secrets(shop) == {"shop_token": "t", "username": "me", "erp.shop.pw": "p"}
    assert repr(secret("erp.shop.pw")) == "secret('erp.shop.pw')"


def test_dlt_reads_a_subscript_at_once(secrets_toml: Path) -> None:
    """This is dlt's behaviour, which the documentation warns of: nothing of ours sees the expression."""
    with pytest.raises(ConfigFieldMissingException):
        shop_with(auth={"token": dlt.secrets["erp.token"]})
    secrets_toml.write_text(f"[erp]\ntoken = '{SECRET}'\n", "utf-8")
    reload_providers()
    assert type(dlt.secrets["erp.token"]) is str
    shop = shop_with(auth={"token": dlt.secrets["erp.token"]})
    assert resolve_secrets(shop) == {"token": SECRET}
    assert not leaks(repr(shop), [SECRET])


@pytest.mark.parametrize("place", [SECRET, "Not.A.Place", "", 3])
def test_a_secret_in_place_of_its_place_is_not_repeated(place: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        secret(place)
    assert not leaks(str(caught.value), [SECRET])
    assert "allowed: a name or a place such as erp.shop.token" in str(caught.value)


def test_settings_are_read_from_dlts_configuration(tmp_path: Path, secrets_toml: Path) -> None:
    dictionary = config(headers={"X-Store": dlt.config.value})
    assert refused(dictionary) == (
        "the dictionary of shop acme: client.headers.X-Store: found dlt.config.value; allowed: a value in dlt's "
        "configuration at sources.acme.X-Store, sources.X-Store, X-Store"
    )
    (secrets_toml.parent / "config.toml").write_text(
        'base_url = "https://top.example.com"\n[sources.acme]\nbase_url = "https://own.example.com"\n',
        "utf-8",
    )
    reload_providers()
    assert shop_with(base_url=dlt.config.value).client.base_url == "https://own.example.com"


PAGINATORS: list[tuple[BasePaginator, dict[str, Any]]] = [
    (OffsetPaginator(limit=100), {"type": "offset", "limit": 100, "total_path": "total"}),
    (
        OffsetPaginator(
            10, 5, "skip", "take", total_path="meta.count", maximum_offset=90, stop_after_empty_page=False
        ),
        {
            "type": "offset",
            "limit": 10,
            "offset": 5,
            "offset_param": "skip",
            "limit_param": "take",
            "total_path": "meta.count",
            "maximum_offset": 90,
            "stop_after_empty_page": False,
        },
    ),
    (
        OffsetPaginator(10, total_path=None, offset_body_path="page.from", limit_body_path="page.size"),
        {"type": "offset", "limit": 10, "offset_body_path": "page.from", "limit_body_path": "page.size"},
    ),
    (
        PageNumberPaginator(base_page=1, page_param="p", total_path=None, has_more_path="more"),
        {"type": "page_number", "base_page": 1, "page_param": "p", "has_more_path": "more"},
    ),
    (
        PageNumberPaginator(page=3, total_path=None, maximum_page=9),
        {"type": "page_number", "page": 3, "maximum_page": 9},
    ),
    (
        JSONResponseCursorPaginator("meta.next", cursor_body_path="page.after"),
        {"type": "cursor", "cursor_path": "meta.next", "cursor_body_path": "page.after"},
    ),
    (JSONLinkPaginator("links.next"), {"type": "json_link", "next_url_path": "links.next"}),
    (HeaderLinkPaginator("older"), {"type": "header_link", "links_next_key": "older"}),
    (
        HeaderCursorPaginator("X-Next", "after"),
        {"type": "header_cursor", "cursor_key": "X-Next", "cursor_param": "after"},
    ),
    (SinglePagePaginator(), {"type": "single_page"}),
]


@pytest.mark.parametrize(("paginator", "expected"), PAGINATORS, ids=lambda value: type(value).__name__)
def test_a_paginator_of_dlt_is_its_declared_type(paginator: BasePaginator, expected: dict[str, Any]) -> None:
    """The declared one pages exactly as the object does; only the total is checked by ourselves."""
    declared = shop_with(paginator=paginator).client.paginator
    assert declared is not None
    assert expected.items() <= declared.items()
    assert "object" not in declared
    made, wanted = dict(vars(new_paginator(declared))), dict(vars(paginator))
    for attributes in (made, wanted):
        attributes.pop("total_path", None)
    assert made == wanted


@pytest.mark.parametrize("place", ["client", "defaults", "endpoint"])
def test_other_paginators_stay_objects_wherever_they_stand(place: str) -> None:
    paginator = PairPaginator("next_pair")
    dictionary = config(**({"paginator": paginator} if place == "client" else {}))
    if place == "defaults":
        dictionary["resource_defaults"] = {"endpoint": {"paginator": paginator}}
    if place == "endpoint":
        dictionary["resources"] = [{**THINGS, "endpoint": {**THINGS["endpoint"], "paginator": paginator}}]
    shop = rest_api_shop("acme", dictionary)
    found = shop.client.paginator if place == "client" else shop.resources[0].endpoint.paginator  # type: ignore[union-attr]
    assert found is not None
    assert found["type"] == "PairPaginator"
    made = new_paginator(found)
    assert isinstance(made, PairPaginator)
    assert made is not paginator


@pytest.mark.parametrize(
    ("path", "is_count"),
    [("pages", True), ("meta.total_pages", True), ("$.page['last-page']", True), ("total", False)],
)
def test_a_number_of_pages_is_no_total_of_records(path: str, is_count: bool) -> None:
    """In dlt, `total_path` of PageNumberPaginator counts pages. Its default `total` is the number of records of many
    APIs, so that nothing follows from such a name."""
    declared = shop_with(paginator=PageNumberPaginator(total_path=path)).client.paginator
    assert declared is not None
    assert "total_path" not in declared
    assert ("page_count_path" in declared) is is_count
    written = {"type": "page_number", "total_path": path}
    declared = shop_with(paginator=written).client.paginator
    expected = {"type": "page_number", "page_count_path": path} if is_count else written
    assert declared == expected


@pytest.fixture
def own_types() -> Iterator[None]:
    """Register two paginators with dlt, for the test only."""
    with registered(paginators={"pairs": PairPaginator, "steps": SteppedPaginator}):
        yield


def test_a_registered_type_is_taken_in_python_and_in_a_file(own_types: None, tmp_path: Path) -> None:
    keys = {"type": "pairs", "key": "next_pair", "total_header": "X-Total"}
    assert shop_with(paginator=keys).client.paginator == keys
    file = tmp_path / "acme.yaml"
    file.write_text(
        "name: acme\nclient: {base_url: https://api.example.com, paginator: {type: pairs, key: next_pair}}\n"
        "resources:\n- {name: things, primary_key: id, endpoint: {path: things}, "
        "columns: {id: {data_type: bigint, nullable: false}}}\n",
        "utf-8",
    )
    declared = load_shop(file).client.paginator
    assert declared is not None
    made = new_paginator(declared)
    assert isinstance(made, PairPaginator)
    assert made.key == "next_pair"


@pytest.mark.parametrize(
    ("paginator", "message"),
    [
        ({"type": "pairs", "kye": "x"}, "client.paginator.kye: found an unknown key; allowed: type, key, "),
        ({"type": "pairs"}, "client.paginator: found keys with which PairPaginator fails with TypeError"),
        (
            {"type": "pairs", "key": "x", "total_path": 3},
            "client.paginator.total_path: found 3; allowed: a JSONP",
        ),
        (
            {"type": "steps", "size": -1},
            "client.paginator: found keys with which SteppedPaginator fails with Valu",
        ),
        ({"type": "triples"}, "client.paginator.type: found 'triples'; allowed: offset, "),
        ({"type": "auto", "limit": 5}, "client.paginator.type: found 'auto'; allowed: offset, "),
        ({"object": "x", "type": "offset", "limit": 1}, "client.paginator.object: found an unknown key"),
    ],
)
def test_wrong_registered_paginators(paginator: Any, message: str, own_types: None) -> None:
    assert f"the dictionary of shop acme: {message}" in refused(config(paginator=paginator))


class _Looped(dict[str, Any]):
    """A mapping that contains itself."""


def _looped() -> dict[str, Any]:
    looped: dict[str, Any] = config()
    looped["client"]["headers"] = looped["client"]
    return looped


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        ([], "config: found an empty list; allowed: a mapping with client, resource_defaults, resources"),
        ({}, "client: found nothing; allowed: a mapping with base_url"),
        (
            config() | {"policy": {}},
            "policy: found an unknown key; allowed: client, resource_defaults, resources; na",
        ),
        (
            config(base_url="http://api.example.com"),
            "client.base_url: found 'http://api.example.com'; allowed: an",
        ),
        (
            config(auth={"token": [SECRET]}),
            "client.auth.token: found a value of type list; allowed: a text, dlt.",
        ),
        (config(auth=SECRET), "client.auth: found a text; allowed: a mapping"),
        (
            config(auth={"type": "custom", "token": SECRET}),
            "client.auth.token: found a secret; allowed: a secret only",
        ),
        (config(auth=BearerTokenAuth), "client.auth: found the class BearerTokenAuth; allowed: an object: "),
        (
            config(auth=requests.auth.HTTPDigestAuth("me", SECRET)),
            "client.auth: found HTTPDigestAuth, which signs after a first response; allowed: an auth object that",
        ),
        (
            config(headers={"X-Api-Key": SECRET}),
            "client.headers.X-Api-Key: found a secret; allowed: a secret only in",
        ),
        (
            config(headers={"X-Key": dlt.secrets.value}),
            "client.headers.X-Key: found dlt.secrets.value; allowed: it",
        ),
        (
            config(headers={"X-Key": secret("a.b")}),
            "client.headers.X-Key: found secret('a.b'); allowed: it in clien",
        ),
        (config(headers={3: "x"}), "client.headers: found the key 3; allowed: a text as key"),
        (config(base_url=object), "client.base_url: found "),
        (_looped(), "client.headers.headers: found a value that contains itself"),
        (
            {"client": {"base_url": "https://a.example.com"}, "resources": [{**THINGS, "primary_key": []}]},
            "resources[0].primary_key: found an empty list",
        ),
    ],
)
def test_a_mistake_in_a_dictionary_is_one_line(dictionary: Any, message: str) -> None:
    lines = refused(dictionary).split("\n")
    assert lines[0].startswith("the dictionary of shop acme: " + message)
    assert len(lines) == (2 if dictionary == {} else 1), "an empty one lacks client and resources"
    assert lines[-1].startswith("the dictionary of shop acme: ")


def test_secrets_of_an_endpoint_are_taken_out_too() -> None:
    """The shop holds the secret of an endpoint's auth aside, and so that of an auth object there."""
    endpoint = {**THINGS["endpoint"], "auth": {"token": SECRET}}
    dictionary = config() | {"resources": [{**THINGS, "endpoint": endpoint}]}
    shop = rest_api_shop("acme", dictionary)
    assert SECRET not in repr(shop)
    assert [auth.type for auth in shop.auths] == ["bearer"]
    assert shop.literal_secret(shop.auths[0].fields["token"]) is not None
    endpoint["auth"] = OAuthJWTAuth(private_key=SECRET)
    shop = rest_api_shop("acme", dictionary)
    assert [auth.kind for auth in shop.client.auth_objects_of("things")] == ["OAuthJWTAuth"]
    assert shop.client.auth_objects_of() == ()
    assert SECRET not in repr(shop) + repr(vars(shop.client))
    missing = [entry.name for auth in shop.client.auth_objects for entry in auth.missing_fields()]
    assert SECRET in resolve_secrets(shop, dict.fromkeys(missing, "x")).values()


def test_wrong_arguments() -> None:
    assert refused(config(), policy={"max_retries": 99}).startswith(
        "the dictionary of shop acme: policy.max_retries: found 99"
    )
    with pytest.raises(DeclarationError, match="the dictionary of shop Acme Ltd: name: found 'Acme Ltd'"):
        rest_api_shop("Acme Ltd", config())
    with pytest.raises(DeclarationError, match="the dictionary of a shop: name: found 3"):
        rest_api_shop(3, config())  # type: ignore[arg-type]


def test_the_fields_of_other_auth_objects(secrets_toml: Path) -> None:
    """dlt's hints say which of them are secrets; those without a value are looked up in the run."""
    auth = OAuthJWTAuth(
        client_id="me",
        private_key=SECRET,
        auth_endpoint=dlt.config.value,
        private_key_passphrase=dlt.secrets.value,
    )
    shop = shop_with(auth=[auth])
    assert shop.client.auth == ()
    assert repr(shop.client.auth_objects) == "(AuthObject(OAuthJWTAuth),)"
    secrets_toml.write_text('[sources.acme]\nprivate_key_passphrase = "phrase"\n', "utf-8")
    (secrets_toml.parent / "config.toml").write_text('auth_endpoint = "https://id.example.com"\n', "utf-8")
    reload_providers()
    resolved = resolve_secrets(shop)
    assert resolved["OAuthJWTAuth.private_key"] == SECRET
    assert resolved["private_key_passphrase"] == "phrase"
    (entry,) = shop.client.auth_objects
    ready = entry.ready(resolved)
    assert isinstance(ready, OAuthJWTAuth)
    assert ready is not auth
    assert (ready.auth_endpoint, ready.private_key_passphrase) == ("https://id.example.com", "phrase")
    assert auth.private_key_passphrase is dlt.secrets.value
    assert SECRET.encode() not in pickle.dumps(shop)
    assert not leaks(repr(shop) + repr(vars(shop.client)), [SECRET])
