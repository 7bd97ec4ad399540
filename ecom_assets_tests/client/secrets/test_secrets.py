"""Where secrets come from, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dlt
import pytest

from ecom_assets.client.secrets import resolve_secrets, secret_names
from ecom_assets.foundation.errors import MissingSecret
from ecom_assets_tests.support.secrets.secrets_toml import reload_providers
from ecom_assets_tests.support.secrets.secrets_toml import secrets_toml as secrets_toml
from ecom_assets_tests.support.servers.loopback import shop_at

API = "https://api.example.com"
BASIC = {"type": "http_basic"}
OAUTH2 = {"type": "oauth2_client_credentials", "access_token_url": "https://id.example.com/token"}


def missing(shop_auth: Any, given: Mapping[str, str] | None = None, base_url: str = API) -> str:
    """Return the message about a missing secret."""
    with pytest.raises(MissingSecret) as caught:
        resolve_secrets(shop_at(base_url, shop_auth), given)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def test_order(secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given comes first, then the environment, then secrets.toml."""
    shop = shop_at(API, {"type": "api_key"})
    secrets_toml.write_text('[sources.testshop]\napi_key = "from the file"\n')
    reload_providers()
    assert resolve_secrets(shop) == {"api_key": "from the file"}
    monkeypatch.setenv("SOURCES__TESTSHOP__API_KEY", "from the environment")
    assert resolve_secrets(shop) == {"api_key": "from the environment"}
    assert resolve_secrets(shop, {"other": "x"}) == {"api_key": "from the environment"}
    assert resolve_secrets(shop, {"api_key": "given"}) == {"api_key": "given"}


def test_missing_names_every_place(secrets_toml: Path) -> None:
    """A missing secret is one line that names the secret and where it was looked for."""
    assert missing({"type": "api_key", "secret": "shop_key"}) == (
        "the secret 'shop_key' of shop 'testshop' was not found: looked in the Dagster resource, the "
        "environment variable SOURCES__TESTSHOP__SHOP_KEY, dlt's secrets under sources.testshop.shop_key "
        "(.dlt/secrets.toml and configured vaults), and in the general places sources.shop_key and shop_key "
        "(in the environment SOURCES__SHOP_KEY and SHOP_KEY)"
    )


@pytest.mark.parametrize(
    ("auth", "given"),
    [
        ({"type": "bearer"}, {}),
        ({"type": "bearer"}, {"token": ""}),
        (BASIC, {"username": "me"}),
        (BASIC, {"password": "p", "username": ""}),
        (OAUTH2, {"client_id": "me"}),
    ],
)
def test_missing(auth: Any, given: dict[str, str], secrets_toml: Path) -> None:
    """Every secret of an auth kind is needed; an empty one counts as missing."""
    assert "was not found: looked in the Dagster resource" in missing(auth, given)


def test_empty_password(secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a password may be empty, and only if it is given so."""
    assert resolve_secrets(shop_at(API, BASIC), {"username": "key", "password": ""})["password"] == ""
    monkeypatch.setenv("SOURCES__TESTSHOP__PASSWORD", "")
    assert resolve_secrets(shop_at(API, BASIC), {"username": "key"})["password"] == ""


@pytest.mark.parametrize("value", ["0123", "1e5", "true", "[1]", '{"a": 1}', "  spaces  ", "ümläut"])
def test_text_is_taken_literally(value: str, secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that looks like something else stays the text that it is."""
    monkeypatch.setenv("SOURCES__TESTSHOP__TOKEN", value)
    assert resolve_secrets(shop_at(API, {"type": "bearer"})) == {"token": value}


def test_number_in_toml(secrets_toml: Path) -> None:
    """A number without quotes is read as its digits; a table is not a secret."""
    secrets_toml.write_text("[sources.testshop]\ntoken = 12345\n")
    reload_providers()
    assert resolve_secrets(shop_at(API, {"type": "bearer"})) == {"token": "12345"}
    secrets_toml.write_text("[sources.testshop.token]\na = 1\n")
    reload_providers()
    assert "was not found" in missing({"type": "bearer"})


def test_line_break_at_the_end(secrets_toml: Path) -> None:
    """A line break at the end is not part of the secret; one inside cannot be sent."""
    shop = shop_at(API, {"type": "bearer"})
    assert resolve_secrets(shop, {"token": "t\r\n"}) == {"token": "t"}
    for value in ("S3cr\n3t", "S3cr\x003t", "S3cr\t3t"):
        line = missing({"type": "bearer"}, {"token": value})
        assert "holds a line break or another control character, and cannot be sent" in line
        assert "S3cr" not in line


def test_placeholder(secrets_toml: Path) -> None:
    """The placeholder that dlt writes into a new file is not a secret."""
    secrets_toml.write_text('[sources.testshop]\ntoken = "<configure me>"\n')
    reload_providers()
    assert "is still the placeholder <configure me>: looked in" in missing({"type": "bearer"})


def test_broken_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message about a failing vault names only the kind of error: the text may hold anything."""

    def fail(self: Any, field: str, expected_type: Any = None) -> Any:
        raise ConnectionError(f"S3cr3t at {field}")

    monkeypatch.setattr(type(dlt.secrets), "get", fail)
    line = missing({"type": "bearer"})
    assert line.endswith("; a provider of secrets failed with ConnectionError")
    assert "S3cr3t" not in line
    assert resolve_secrets(shop_at(API, {"type": "bearer"}), {"token": "t"}) == {"token": "t"}


@pytest.mark.parametrize("auth", [{"type": "api_key"}, {"type": "bearer", "secret": "other"}])
def test_sandbox(auth: Any, secrets_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled sandbox has a key of its own, unless another one is given."""
    shop = shop_at("sandbox://", auth)
    (name,) = secret_names(shop)
    assert resolve_secrets(shop) == {name: "sandbox-key"}
    assert resolve_secrets(shop, {name: "given"}) == {name: "given"}
    monkeypatch.setenv(f"SOURCES__TESTSHOP__{name}".upper(), "wrong")
    assert resolve_secrets(shop) == {name: "wrong"}
    assert "was not found" in missing(auth, {name: ""}, "http://127.0.0.1:8000")


def test_no_auth() -> None:
    """An API without auth needs no secret."""
    shop = shop_at(API)
    assert secret_names(shop) == ()
    assert resolve_secrets(shop) == {}
