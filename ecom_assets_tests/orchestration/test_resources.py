"""Secrets in a Dagster resource: read when needed, shown nowhere."""

# no postponed annotations here: Dagster reads that of `context` as a type
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetExecutionContext, DagsterInstance, Definitions, EnvVar, asset

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.orchestration.resources import ShopSecrets, secrets_key, shop_resources

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
    ],
)
def test_wrong_overrides(key: str, resource: Any, message: str) -> None:
    """The error says what is allowed, and does not show a secret's value."""
    with pytest.raises(ValueError, match="allowed") as caught:
        shop_resources((SHOP,), {key: resource})
    assert str(caught.value) == message
