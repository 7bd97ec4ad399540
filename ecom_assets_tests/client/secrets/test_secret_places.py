"""General places of a secret, places named in the declaration, and the refusal to send one key to two hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dlt
import pytest
import yaml
from dagster import EnvVar

from ecom_assets.cli.app import main
from ecom_assets.client.secrets import resolve_secrets, secret_sources
from ecom_assets.declaration.neighbours import with_neighbours
from ecom_assets.declaration.reading import Shop, load_shop, load_shops
from ecom_assets.discovery.discover import DiscoveryOptions, provisional_shop
from ecom_assets.foundation.errors import MissingSecret
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.resources import ShopSecrets
from ecom_assets_tests.support.secrets.leaks import SECRET, leaks
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

NORTH, SOUTH = "https://north.example.com", "https://south.example.com"
KEY: dict[str, Any] = {"type": "api_key", "name": "X-Key"}
TOKEN_ADDRESS = "https://id.example.com/token"
OAUTH2 = {"type": "oauth2_client_credentials", "access_token_url": TOKEN_ADDRESS}


def declare(name: str, base_url: str, auth: Any = KEY, folder: Path | None = None) -> Shop:
    """Write a declaration into the folder `shops`, and read it."""
    folder = folder or Path("shops")
    folder.mkdir(exist_ok=True)
    document = {
        "name": name,
        "client": {"base_url": base_url, "auth": auth},
        "policy": {"max_retries": 0},
        "resources": [
            {
                "name": "things",
                "primary_key": "id",
                "endpoint": {"path": "things", "data_selector": "data"},
                "columns": {"id": {"data_type": "bigint", "nullable": False}},
            }
        ],
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return load_shop(folder / f"{name}.yaml")


def store(file: Path, text: str) -> None:
    """Write secrets.toml, and let dlt read it."""
    file.write_text(text, "utf-8")
    reload_providers()


def refusal(shop: Shop) -> str:
    """Return the message with which a shop's secrets are refused."""
    with pytest.raises(MissingSecret) as caught:
        resolve_secrets(shop)
    return str(caught.value)


def test_the_most_specific_place_wins_whichever_provider_has_it(
    secrets_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = declare("north", NORTH)
    store(secrets_toml, 'api_key = "top"\n')
    assert resolve_secrets(shop) == {"api_key": "top"}
    store(secrets_toml, 'api_key = "top"\n[sources]\napi_key = "of all sources"\n')
    assert resolve_secrets(shop) == {"api_key": "of all sources"}
    monkeypatch.setenv("API_KEY", "top of the environment")
    assert resolve_secrets(shop) == {"api_key": "of all sources"}
    monkeypatch.setenv("SOURCES__API_KEY", "of all sources, in the environment")
    assert resolve_secrets(shop) == {"api_key": "of all sources, in the environment"}
    store(secrets_toml, '[sources.north]\napi_key = "own"\n')
    assert resolve_secrets(shop) == {"api_key": "own"}
    assert resolve_secrets(shop, {"api_key": "given"}) == {"api_key": "given"}


def test_places_are_those_of_dlt(secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dlt itself returns for a place is what a shop gets from it."""
    shop = declare("north", NORTH, {"type": "bearer", "secret": "shop_token"})
    for place, variable in (
        ("shop_token", "SHOP_TOKEN"),
        ("sources.shop_token", "SOURCES__SHOP_TOKEN"),
        ("sources.north.shop_token", "SOURCES__NORTH__SHOP_TOKEN"),
    ):
        monkeypatch.setenv(variable, f"at {place}")
        assert dlt.secrets[place] == f"at {place}"
        assert resolve_secrets(shop) == {"shop_token": f"at {place}"}
        assert secret_sources(shop) == {"shop_token": f"{variable} in the environment"}


def test_a_place_with_dots_is_the_only_one(secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = declare("north", NORTH, KEY | {"secret": "vault.acme.key"})
    store(secrets_toml, 'api_key = "top"\nkey = "top"\n[sources.north]\napi_key = "own"\nkey = "own"\n')
    assert refusal(shop) == (
        "the secret 'vault.acme.key' of shop 'north' was not found: looked in the Dagster resource, the "
        "environment variable VAULT__ACME__KEY, dlt's secrets under vault.acme.key (.dlt/secrets.toml and "
        "configured vaults)"
    )
    store(secrets_toml, '[vault.acme]\nkey = "named"\n')
    assert resolve_secrets(shop) == {"vault.acme.key": "named"}
    assert secret_sources(shop) == {"vault.acme.key": "vault.acme.key in secrets.toml"}
    monkeypatch.setenv("VAULT__ACME__KEY", "in the environment")
    assert resolve_secrets(shop) == {"vault.acme.key": "in the environment"}


def test_each_field_may_name_a_place(secrets_toml: Path) -> None:
    auth = {"type": "http_basic", "secret": {"username": "erp.user", "password": "erp.pass"}}
    store(secrets_toml, '[erp]\nuser = "me"\npass = "pw"\n')
    assert resolve_secrets(declare("north", NORTH, auth)) == {"erp.user": "me", "erp.pass": "pw"}


@pytest.mark.parametrize("general", ["api_key = {}", "[sources]\napi_key = {}"])
def test_a_general_secret_for_two_hosts_is_refused(secrets_toml: Path, general: str) -> None:
    north, south = declare("north", NORTH), declare("south", SOUTH)
    store(secrets_toml, general.format(json.dumps(SECRET)))
    place = "sources.api_key" if "[" in general else "api_key"
    assert refusal(north) == (
        f"the secret 'api_key' of shop 'north' is only in the general place {place} ({place} in secrets.toml), and "
        "shop 'south' takes it from there too: north would send it to north.example.com:443, south to "
        "south.example.com:443. Move it to the place of the shop that it belongs to, such as "
        "sources.north.api_key (SOURCES__NORTH__API_KEY in the environment), or name its place in the "
        "declaration: secret: path.in.secrets"
    )
    assert "shop 'north' takes it from there too" in refusal(south)
    # once one of them has its own, the general one goes to one host only
    with secrets_toml.open("a") as file:
        file.write('\n[sources.south]\napi_key = "its own"\n')
    reload_providers()
    assert resolve_secrets(north) == {"api_key": SECRET}
    assert resolve_secrets(south) == {"api_key": "its own"}


def test_the_refusal_can_be_settled_by_naming_the_place(secrets_toml: Path) -> None:
    """Whoever names a place has decided; the other one may not take it by the way."""
    north = declare("north", NORTH, KEY | {"secret": "sources.api_key"})
    south = declare("south", SOUTH)
    store(secrets_toml, '[sources]\napi_key = "k3y"\n')
    assert resolve_secrets(north) == {"sources.api_key": "k3y"}
    assert "shop 'north' takes it from there too" in refusal(south)


def test_shops_at_one_host_may_share_a_secret(secrets_toml: Path) -> None:
    north, second = declare("north", NORTH), declare("second", f"{NORTH}:443/v2")
    store(secrets_toml, 'api_key = "k3y"')
    assert resolve_secrets(north) == resolve_secrets(second) == {"api_key": "k3y"}
    declare("third", f"{NORTH}:8443")
    assert "third to north.example.com:8443" in refusal(north)


def test_other_fields_and_the_sandbox_do_not_count(secrets_toml: Path) -> None:
    """The sandbox has a key of its own; a general key belongs to a real shop."""
    sandbox, north = declare("bundled", "sandbox://"), declare("north", NORTH)
    declare("south", SOUTH, {"type": "bearer"})
    store(secrets_toml, 'api_key = "k3y"')
    assert resolve_secrets(north) == {"api_key": "k3y"}
    assert resolve_secrets(sandbox) == {"api_key": "sandbox-key"}
    assert secret_sources(sandbox) == {"api_key": "the bundled sandbox"}


def test_credentials_go_to_the_host_that_gives_out_the_token(secrets_toml: Path) -> None:
    """Two APIs may have one address for tokens: then their credentials go to one host."""
    north, south = declare("north", NORTH, OAUTH2), declare("south", SOUTH, OAUTH2)
    store(secrets_toml, 'client_id = "me"\nclient_secret = "s3cret"\n')
    assert resolve_secrets(north) == resolve_secrets(south) == {"client_id": "me", "client_secret": "s3cret"}
    declare("west", NORTH, OAUTH2 | {"access_token_url": f"{NORTH}/token"})
    assert "west to north.example.com:443" in refusal(north)


def test_a_general_key_for_hashes_is_shared(secrets_toml: Path) -> None:
    """It is sent nowhere, and equal hashes in two shops are of use."""
    for name, base_url in (("north", NORTH), ("south", SOUTH)):
        declare(name, base_url, ())
        file = Path("shops") / f"{name}.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        document["resources"][0]["columns"]["mail"] = {"data_type": "text", "pii": "hash"}
        file.write_text(yaml.safe_dump(document), "utf-8")
    store(secrets_toml, 'pii_key = "k3y"')
    assert [resolve_secrets(shop) for shop in load_shops(Path("shops"))[0]] == [{"pii_key": "k3y"}] * 2


def test_an_unreachable_vault_does_not_send_the_search_on(
    secrets_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The general place may hold the key of another API."""
    shop, get = declare("north", NORTH), type(dlt.secrets).get

    def fail(self: Any, field: str, expected_type: Any = None) -> Any:
        if field.startswith("sources.north"):
            raise ConnectionError(SECRET)
        return get(self, field, expected_type)

    monkeypatch.setattr(type(dlt.secrets), "get", fail)
    monkeypatch.setenv("API_KEY", SECRET)
    message = refusal(shop)
    assert message.endswith("; a provider of secrets failed with ConnectionError")
    assert not leaks(message, [SECRET])


def test_the_shops_of_definitions_are_each_others_neighbours(
    secrets_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of other folders too; a shop that gets its key from a resource takes no general one."""
    north, south = declare("north", NORTH), declare("south", SOUTH, folder=secrets_toml.parent)
    store(secrets_toml, 'api_key = "k3y"')
    assert resolve_secrets(north) == {"api_key": "k3y"}
    assert "south to south.example.com:443" in refusal(with_neighbours([north, south])[0])
    aware = with_neighbours([north, south], {"south": {"api_key"}})
    assert resolve_secrets(aware[0]) == {"api_key": "k3y"}


def test_a_run_of_definitions_refuses_and_sends_nothing(secrets_toml: Path, api: Loopback) -> None:
    declare("north", api.base_url)
    declare("south", SOUTH)
    store(secrets_toml, f"api_key = {json.dumps(SECRET)}")
    job = build_defs(Path("shops")).resolve_job_def("north_snapshots")
    result = job.execute_in_process(raise_on_error=False)
    events = "\n".join(str(event) for event in result.all_events)
    assert not result.success
    assert "is only in the general place api_key" in events
    assert not leaks(events, [SECRET])
    assert not api.seen


def test_a_resource_override_settles_it(
    secrets_toml: Path, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("north", api.base_url)
    declare("south", SOUTH)
    store(secrets_toml, f"api_key = {json.dumps(SECRET)}")
    monkeypatch.setenv("SOUTH_KEY", "another")
    secrets = ShopSecrets(secrets={"api_key": EnvVar("SOUTH_KEY")})
    defs = build_defs(Path("shops"), resource_overrides={"south_secrets": secrets})
    assert defs.resolve_job_def("north_snapshots").execute_in_process().success
    assert {seen.headers["x-key"] for seen in api.seen} == {SECRET}


def test_discovery_sends_no_key_of_another_shop(secrets_toml: Path) -> None:
    """The shop that is being discovered has no file yet."""
    declare("north", NORTH)
    store(secrets_toml, f"api_key = {json.dumps(SECRET)}")
    options = DiscoveryOptions("fresh", SOUTH, [KEY], file=Path("shops") / "fresh.yaml")
    assert "fresh would send it to south.example.com:443" in refusal(provisional_shop(options))
    assert resolve_secrets(provisional_shop(DiscoveryOptions("fresh", SOUTH, [KEY]))) == {"api_key": SECRET}


@pytest.mark.parametrize("as_json", [False, True])
def test_check_says_where_each_secret_comes_from(
    secrets_toml: Path,
    api: Loopback,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    auth = [KEY, {"type": "http_basic", "secret": {"password": "erp.pass"}}]
    shop = declare("north", api.base_url, auth)
    monkeypatch.setenv("API_KEY", SECRET)
    store(secrets_toml, f'[sources]\nusername = "S3cr3tUser"\n[erp]\npass = {json.dumps(SECRET + "2")}\n')
    api.replies = [json_reply({"data": [{"id": 1}]})]
    monkeypatch.setattr("sys.argv", ["ecom-assets", "check", str(shop.file), *["--json"][: int(as_json)]])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out = capsys.readouterr().out
    assert not leaks(out, [SECRET, SECRET + "2", "S3cr3tUser"])
    expected = [
        "api_key comes from API_KEY in the environment",
        "username comes from sources.username in secrets.toml",
        "erp.pass comes from erp.pass in secrets.toml",
    ]
    if as_json:
        found = [entry for entry in json.loads(out) if entry["what"] == "secret"]
        assert [entry["detail"] for entry in found] == expected
        assert {(entry["resource"], entry["result"]) for entry in found} == {("(shop)", "ok")}
    else:
        assert [line.split(maxsplit=3) for line in out.splitlines()[:3]] == [
            ["(shop)", "secret", "ok", detail] for detail in expected
        ]


def test_check_names_both_shops_of_a_refusal(
    secrets_toml: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declare("north", NORTH)
    declare("south", SOUTH)
    store(secrets_toml, f"api_key = {json.dumps(SECRET)}")
    monkeypatch.setenv("ECOM_SHOPS_DIR", "shops")
    monkeypatch.setattr("sys.argv", ["ecom-assets", "check"])
    with pytest.raises(SystemExit, match="1"):
        main()
    printed = capsys.readouterr()
    assert printed.err.count("error: the secret 'api_key' of shop") == 2
    assert not leaks(printed.out + printed.err, [SECRET])
