"""Secrets in a Dagster resource: read when needed, shown nowhere."""

# no postponed annotations here: Dagster reads that of `context` as a type
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetExecutionContext, DagsterInstance, Definitions, EnvVar, asset

from ecom_assets import build_defs
from ecom_assets.client.secrets import resolve_secrets
from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key, shop_resources
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.loopback import Loopback
from ecom_assets_tests.support.servers.loopback import api as api

KEY_AUTH = "{type: api_key, name: X-Key}"
ALL_SECRETS: dict[str, str] = {
    name: EnvVar(f"MY_{name.upper()}") for name in ("api_key", "token", "admin", "pii_key")
}
SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
KEY = secrets_key(SHOP)


def test_a_shop_has_a_resource_without_secrets_unless_told() -> None:
    """A missing secret comes from dlt's providers."""
    resources = shop_resources((SHOP,), {})
    assert resources.keys() == {"sandbox_secrets"}
    assert resources[KEY].available_secrets() == {}


def test_a_secret_reaches_a_run_and_not_the_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable may be set after the definitions were made."""
    secrets = ShopSecrets(secrets={"api_key": EnvVar("ECOM_TEST_SECRET")})
    seen: list[Any] = []

    @asset(required_resource_keys={KEY})
    def reader(context: AssetExecutionContext) -> None:
        seen.append(getattr(context.resources, KEY))

    defs = Definitions(assets=[reader], resources=shop_resources((SHOP,), {KEY: secrets}))
    monkeypatch.setenv("ECOM_TEST_SECRET", "hush-hush")
    with DagsterInstance.ephemeral() as instance:
        assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    assert seen[0].secrets == {"api_key": "hush-hush"}
    assert "hush" not in repr(seen[0])
    assert "hush" not in repr(secrets)


def test_known_secrets_are_those_the_environment_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is left out."""
    secrets = ShopSecrets(secrets={"user": EnvVar("ECOM_TEST_USER"), "token": EnvVar("ECOM_TEST_TOKEN")})
    monkeypatch.setenv("ECOM_TEST_USER", "me")
    monkeypatch.delenv("ECOM_TEST_TOKEN", raising=False)
    assert secrets.available_secrets() == {"user": "me"}


@pytest.mark.parametrize(
    ("key", "resource", "message"),
    [
        (
            "other_secrets",
            ShopSecrets(),
            "resource_overrides: found 'other_secrets'; allowed: sandbox_secrets",
        ),
        (KEY, Path(), r"sandbox_secrets: found 'PosixPath'; allowed: ShopSecrets"),
        (
            KEY,
            ShopSecrets(secrets={"api_key": "hush-hush"}),
            "sandbox_secrets: found a value for 'api_key'; allowed: dagster.EnvVar, "
            "because Dagster shows values",
        ),
        (
            KEY,
            ShopSecrets(secrets={"apikey": EnvVar("MY_KEY")}),
            "sandbox_secrets: found 'apikey'; allowed: api_key, because shop sandbox uses no other secret",
        ),
    ],
)
def test_wrong_overrides(key: str, resource: Any, message: str) -> None:
    """The error says what is allowed, and does not show a secret's value."""
    with pytest.raises(ValueError, match="allowed") as caught:
        shop_resources((SHOP,), {key: resource})
    assert str(caught.value) == message


def shop_with(folder: Path, name: str, auth: str, endpoint_auth: str = "", pii: str = "") -> Shop:
    """Return a shop with an auth kind of its client, perhaps one of an endpoint, and perhaps a hashed column."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(
        f"name: {name}\nclient: {{base_url: 'https://{name}.example.com'{auth and ', auth: ' + auth}}}\n"
        "resources:\n  - name: things\n    primary_key: id\n"
        f"    endpoint: {{path: things{endpoint_auth and ', auth: ' + endpoint_auth}}}\n"
        f"    columns: {{id: {{data_type: bigint, nullable: false}}, mail: {{data_type: text{pii}}}}}\n",
        "utf-8",
    )
    return load_shop(file)


def test_secrets_of_endpoints_and_of_hashed_columns_are_allowed(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "north", "bearer", "{type: bearer, secret: admin}", ", pii: hash")
    secrets: dict[str, str] = {name: EnvVar("X") for name in ("token", "admin", "pii_key")}
    made = shop_resources((shop,), {"north_secrets": ShopSecrets(secrets=secrets)})
    assert made["north_secrets"].secrets == secrets
    with pytest.raises(ValueError, match="found 'api_key'; allowed: token, admin, pii_key, because"):
        shop_resources((shop,), {"north_secrets": ShopSecrets(secrets=ALL_SECRETS)})


def test_a_shop_without_auth_takes_no_secret(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "north", "")
    with pytest.raises(ValueError, match=r"^north_secrets: found 'token'; allowed: nothing, because"):
        shop_resources((shop,), {"north_secrets": ShopSecrets(secrets={"token": EnvVar("X")})})


@pytest.mark.parametrize("same_object", [True, False])
def test_shops_may_share_a_resource(same_object: bool, tmp_path: Path) -> None:
    """Each shop gets its own secrets of it. A secret that none of them uses is refused."""
    shops = (shop_with(tmp_path, "north", "bearer"), shop_with(tmp_path, "south", KEY_AUTH))

    def made(secrets: dict[str, str]) -> dict[str, ShopSecrets]:
        north = ShopSecrets(secrets=secrets)
        south = north if same_object else ShopSecrets(secrets=secrets)
        return shop_resources(shops, {"north_secrets": north, "south_secrets": south})

    shared: dict[str, str] = {"token": EnvVar("MY_TOKEN"), "api_key": EnvVar("MY_KEY")}
    found = {key: resource.secrets for key, resource in made(shared).items()}
    assert found == {
        "north_secrets": {"token": EnvVar("MY_TOKEN")},
        "south_secrets": {"api_key": EnvVar("MY_KEY")},
    }
    with pytest.raises(ValueError, match=r"^north_secrets: found 'apikey'; allowed: token, api_key, because"):
        made({"token": EnvVar("MY_TOKEN"), "apikey": EnvVar("MY_KEY")})


def test_a_resource_that_an_invalid_shop_shares_stays(tmp_path: Path) -> None:
    """Nobody knows which secrets that shop uses."""
    shop = shop_with(tmp_path, "north", "bearer")
    shared = ShopSecrets(secrets={"token": EnvVar("MY_TOKEN"), "api_key": EnvVar("MY_KEY")})
    overrides = {"north_secrets": shared, "broken_secrets": shared}
    assert shop_resources((shop,), overrides, some_invalid=True) == {"north_secrets": shared}


def test_a_run_sends_nothing_with_a_misspelt_secret(
    secrets_toml: Path, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration of a run replaces the resource, and `API_KEY` may be the key of another account."""
    file = Path("shops") / "north.yaml"
    shop_with(Path("shops"), "north", KEY_AUTH)
    file.write_text(file.read_text("utf-8").replace("https://north.example.com", api.base_url), "utf-8")
    monkeypatch.setenv("API_KEY", "of-another-account")
    job = build_defs(Path("shops")).resolve_job_def("north_snapshots")
    config = {"resources": {"north_secrets": {"config": {"secrets": {"apikey": "of-my-account"}}}}}
    result = job.execute_in_process(run_config=config, raise_on_error=False)
    events = "\n".join(str(event) for event in result.all_events)
    assert not result.success
    assert (
        "north_secrets: found 'apikey'; allowed: api_key, because shop north uses no other secret" in events
    )
    assert "of-my-account" not in events
    assert not api.seen


def test_a_run_takes_secrets_that_it_does_not_use_beside_its_own(
    secrets_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Definitions without `build_defs` may share a resource too. Only a general place is in doubt."""
    shop = shop_with(tmp_path, "north", "bearer")
    monkeypatch.setenv("SOURCES__NORTH__TOKEN", "its own")
    assert resolve_secrets(shop, {"api_key": "of another shop"}) == {"token": "its own"}
    assert resolve_secrets(shop, {"token": "t0ken", "api_key": "of another shop"}) == {"token": "t0ken"}
