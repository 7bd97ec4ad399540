"""Auth kinds that dlt does not have: a login, requests signed with an HMAC, and a key in the path."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb
import pytest
from pydantic import ValidationError

from ecom_assets.client.read_statistics import ReadStatistics
from ecom_assets.declaration.api.client import Client
from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.secrets.leaks import SECRET, echo, leaks
from ecom_assets_tests.support.servers.loopback import (
    Connect,
    Loopback,
    Reply,
    Seen,
    json_reply,
    session_to,
    shop_at,
)
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits

LOGIN = {"username": "shopkeeper", "password": SECRET}
HMAC = {"api_key": "public-key", "api_secret": SECRET}


def login(api: Loopback, **more: Any) -> dict[str, Any]:
    return {"type": "login", "access_token_url": f"{api.base_url}/login", **more}


def give_tokens(api: Loopback, answer: Any = None, refused: tuple[str, ...] = ()) -> None:
    """Give out token-1, token-2 and so on; refuse some of them."""
    given = 0

    def answering(seen: Seen) -> Reply:
        nonlocal given
        if seen.path == "/login":
            given += 1
            text = json.dumps(answer or {"access_token": "T"})
            return json_reply(json.loads(text.replace('"T"', f'"token-{given}"')))
        sent = f"{seen.headers} {seen.query}"
        return Reply(401, "expired") if any(token in sent for token in refused) else Reply()

    api.answering = answering


def test_a_login_gives_a_token_for_all_requests(api: Loopback, connect: Connect) -> None:
    give_tokens(api)
    session = connect(login(api), LOGIN)
    for _ in range(2):
        session.get(f"{api.base_url}/things")
    assert [seen.path for seen in api.seen] == ["/login", "/things", "/things"]
    assert dict(parse_qsl(api.seen[0].body)) == LOGIN
    assert [seen.headers["authorization"] for seen in api.seen[1:]] == ["Bearer token-1"] * 2
    assert "token-1" not in session.redactor.scrub("see token-1")


def test_a_login_as_declared(api: Loopback, connect: Connect) -> None:
    give_tokens(api, {"data": {"sessions": [{"key": "T"}]}})
    declared = login(
        api,
        access_token_request_data={
            "user": {"login": "{username}"},
            "pwd": "{password}",
            "shop": 7,
            "all": ["{username}"],
        },
        access_token_request_format="json",
        access_token_path="data.sessions.0.key",
        name="X-Session",
    )
    connect(declared, LOGIN).get(f"{api.base_url}/things")
    assert json.loads(api.seen[0].body) == {
        "user": {"login": "shopkeeper"},
        "pwd": SECRET,
        "shop": 7,
        "all": ["shopkeeper"],
    }
    assert api.seen[1].headers["x-session"] == "token-1"
    assert "authorization" not in api.seen[1].headers


@pytest.mark.parametrize(
    ("path", "answer"),
    [("$", "T"), ("$.data.token", {"data": {"token": "T"}}), ("$.0", ["T"])],
)
def test_a_path_of_the_token_may_begin_at_the_whole_answer(
    api: Loopback, connect: Connect, path: str, answer: Any
) -> None:
    """Magento answers with the token alone, a JSON text."""
    give_tokens(api, answer)
    connect(login(api, access_token_path=path), LOGIN).get(f"{api.base_url}/things")
    assert api.seen[1].headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize("place", [{}, {"name": "sid", "location": "query"}, {"name": "X-S", "prefix": "S "}])
def test_a_refused_session_logs_in_once_more(api: Loopback, connect: Connect, place: dict[str, str]) -> None:
    give_tokens(api, refused=("token-1",))
    session = connect(login(api, **place), LOGIN, max_retries=0)
    assert session.get(f"{api.base_url}/things?sid=old&a=1").status_code == 200
    assert [seen.path for seen in api.seen] == ["/login", "/things", "/login", "/things"]
    assert [value for name, value in api.seen[-1].query if name == "sid"] in (["old"], ["token-2"])
    assert ("a", "1") in api.seen[-1].query
    give_tokens(api, refused=("token",))
    with pytest.raises(ApiError, match="401"):
        session.get(f"{api.base_url}/things")


def test_an_answer_without_a_token_says_where_it_was_looked_for(api: Loopback, connect: Connect) -> None:
    api.answering = lambda seen: json_reply({"token": SECRET})
    with pytest.raises(ApiError, match=r"holds no data\.token that can be used") as caught:
        connect(login(api, access_token_path="data.token"), LOGIN).get(f"{api.base_url}/things")
    assert leaks(str(caught.value), [SECRET]) == []


def signed(text: str, kind: str = "sha256") -> bytes:
    return hmac.new(SECRET.encode(), text.encode(), kind).digest()


def test_an_hmac_over_the_parts_of_a_request(api: Loopback, connect: Connect) -> None:
    recipe = {
        "type": "hmac",
        "name": "X-Sign",
        "signed_text": "{method}|{path}|{query}|{timestamp}|{nonce}|{body}|{body_hash}|{api_key}",
        "signed_headers": {"X-Key": "{api_key}", "X-Time": "{timestamp}", "X-Nonce": "{nonce}"},
    }
    session = connect(recipe, HMAC)
    session.post(f"{api.base_url}/things?b=2&a=%2F", json={"q": "{timestamp}"})
    session.post(f"{api.base_url}/things?b=2&a=%2F", json={"q": "{timestamp}"})
    for seen in api.seen:
        sent = seen.headers
        assert abs(int(sent["x-time"]) - time.time()) < 60
        text = "|".join(
            (
                "POST",
                "/things",
                "b=2&a=%2F",
                sent["x-time"],
                sent["x-nonce"],
                seen.body,
                hashlib.sha256(seen.body.encode()).hexdigest(),
                "public-key",
            )
        )
        assert sent["x-sign"] == signed(text).hex()
        assert sent["x-key"] == "public-key"
    assert api.seen[0].headers["x-nonce"] != api.seen[1].headers["x-nonce"]


def test_an_hmac_in_the_query_over_sorted_parameters(api: Loopback, connect: Connect) -> None:
    recipe = {
        "type": "hmac",
        "name": "sign",
        "location": "query",
        "hash": "sha1",
        "encoding": "hex_upper",
        "timestamp_format": "milliseconds",
        "signed_params": {"app_key": "{api_key}", "timestamp": "{timestamp}"},
        "signed_text": "{api_secret}{path}{sorted_params}{api_secret}",
    }
    session = connect(recipe, HMAC)
    # a next link may repeat the parameters of the request before
    session.get(f"{api.base_url}/things?z=1&sign=old&timestamp=1&app_key=old&b=%C3%A4+c")
    query = dict(api.seen[0].query)
    assert sorted(query) == ["app_key", "b", "sign", "timestamp", "z"]
    text = f"{SECRET}/thingsapp_keypublic-keybä ctimestamp{query['timestamp']}z1{SECRET}"
    assert query["sign"] == signed(text, "sha1").hex().upper()
    assert len(query["timestamp"]) == 13


def test_an_hmac_in_one_header_with_the_key_and_base64(api: Loopback, connect: Connect) -> None:
    recipe = {
        "type": "hmac",
        "signed_text": "{url}\n{sorted_query}",
        "hash": "sha512",
        "encoding": "base64",
        "signature_value": "HMAC {api_key}:{signature}",
    }
    connect(recipe, HMAC).get(f"{api.base_url}/things?b=2&a=1")
    text = f"{api.base_url}/things?b=2&a=1\na=1&b=2"
    assert (
        api.seen[0].headers["authorization"]
        == f"HMAC public-key:{b64encode(signed(text, 'sha512')).decode()}"
    )


def test_each_try_is_signed_anew(api: Loopback, connect: Connect, no_waits: Any) -> None:
    recipe = {
        "type": "hmac",
        "name": "X-Sign",
        "signed_text": "{nonce}",
        "signed_headers": {"X-Nonce": "{nonce}"},
    }
    api.answering = lambda seen: Reply(500 if len(api.seen) == 1 else 200)
    connect(recipe, {"api_secret": SECRET}).get(f"{api.base_url}/things")
    first, second = (seen.headers for seen in api.seen)
    assert first["x-nonce"] != second["x-nonce"]
    assert second["x-sign"] == signed(second["x-nonce"]).hex()


def test_a_key_in_the_path(api: Loopback) -> None:
    shop = shop_at(f"{api.base_url}/bot{{secret}}/v1", {"type": "api_key", "location": "path"})
    with session_to(shop, {"api_key": SECRET}, ReadStatistics()) as session:
        api.answering = lambda seen: json_reply(
            {"next": f"http://{seen.headers['host']}{urlsplit(seen.path).path}?page=2"}
        )
        response = session.get(f"{shop.client.base_url}/things")
        assert leaks(f"{response.url} {response.text} {response.headers}", [SECRET]) == []
        # the next link repeats the key, which is hidden in it
        session.get(response.json()["next"])
        api.answering = lambda seen: Reply(404, echo(seen, [SECRET]))
        with pytest.raises(ApiError, match="404") as caught:
            session.get(f"{shop.client.base_url}/things")
    assert leaks(str(caught.value), [SECRET]) == []
    assert {unquote(seen.path) for seen in api.seen} == {f"/bot{SECRET}/v1/things"}
    assert api.seen[1].query == [("page", "2")]


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ({"type": "login"}, "nothing; the address"),
        ({"type": "hmac"}, "nothing; the text that is signed"),
        ({"type": "hmac", "signed_text": "{mthod}"}, r"{mthod}; {method}, {url}"),
        (
            {"type": "hmac", "signed_text": "x", "signed_headers": {"X-K": "{api_secret}"}},
            "{api_secret}; {timestamp}",
        ),
        ({"type": "hmac", "signed_text": "x", "signature_value": "{api_key}"}, "a text with {signature}"),
        ({"type": "bearer", "signed_text": "x"}, "signed_text with type hmac only"),
        (
            {"type": "api_key", "location": "path"},
            "no {secret} in the path of base_url; {secret} in base_url",
        ),
        ({"type": "hmac", "location": "path", "signed_text": "x"}, "location path with type hmac"),
    ],
)
def test_wrong_recipes_are_refused(auth: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Client.model_validate({"base_url": "https://api.example.com", "auth": auth})
    assert problem in str(caught.value)


def test_a_mark_without_a_key_is_refused() -> None:
    in_path = {"type": "api_key", "location": "path"}
    for base_url, auth in (
        ("https://api.example.com/{secret}", {"type": "bearer"}),
        ("https://{secret}.example.com/v1", in_path),
        ("https://api.example.com/{secret}", [in_path, {**in_path, "secret": "other"}]),
    ):
        with pytest.raises(
            ValidationError, match=r"no key for|no \{secret\} in the path|location path twice"
        ):
            Client.model_validate({"base_url": base_url, "auth": auth})
    shop = {"name": "acme", "client": {"base_url": "https://api.example.com/{secret}", "auth": in_path}}
    endpoint = {"path": "/things", "auth": {"type": "bearer"}}
    with pytest.raises(ValidationError, match="no key for"):
        Shop.model_validate(
            {**shop, "resources": [{"name": "things", "primary_key": "id", "endpoint": endpoint}]}
        )


@pytest.mark.parametrize(
    ("base", "auth", "secrets", "path"),
    [
        (
            "/bot{secret}/v1",
            {"type": "api_key", "location": "path"},
            {"api_key": SECRET},
            f"/bot{SECRET}/v1/things",
        ),
        ("", {"type": "login", "access_token_url": "{base_url}/login"}, LOGIN, "/things"),
        ("", {"type": "hmac", "signed_text": "{url}{body}"}, {"api_secret": SECRET}, "/things"),
    ],
)
def test_two_pages_are_loaded(
    api: Loopback, tmp_path: Path, base: str, auth: dict[str, Any], secrets: dict[str, str], path: str
) -> None:
    """Through dlt, with a next link that repeats the address of the request."""

    def answering(seen: Seen) -> Reply:
        if seen.path == "/login":
            return json_reply({"access_token": "token-1"})
        link = f"http://{seen.headers['host']}{seen.path}?page=2"
        last = ("page", "2") in seen.query
        return json_reply({"data": [{"id": 2 if last else 1}], "next": None if last else link})

    api.answering = answering
    document = {
        "name": "acme",
        "client": {
            "base_url": api.base_url + base,
            "auth": json.loads(json.dumps(auth).replace("{base_url}", api.base_url)),
            "paginator": {"type": "json_link", "next_url_path": "next"},
        },
        "resources": [
            {"name": "things", "primary_key": "id", "endpoint": {"path": "things", "data_selector": "data"}}
        ],
    }
    file = tmp_path / "acme.yaml"
    file.write_text(json.dumps(document), "utf-8")
    warehouse = DuckDbWarehouse(tmp_path / "one.duckdb")
    lines: list[str] = []
    report = run_load(
        load_shop(file), ["things"], (), secrets=secrets, warehouse=warehouse, progress=lines.append
    )
    assert report.errors == {}
    with duckdb.connect(str(warehouse.path), read_only=True) as connection:
        assert connection.execute("select id from acme.things order by 1").fetchall() == [(1,), (2,)]
    assert {unquote(seen.path) for seen in api.seen} - {"/login"} == {path}
    assert leaks(f"{lines} {report}", [SECRET]) == []
