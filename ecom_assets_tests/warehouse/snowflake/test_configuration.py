"""How ECOM_WAREHOUSE and dlt's configuration name a database of Snowflake."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.snowflake.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.snowflake.types import SQL_TYPES
from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

USER = {"HOST": "kgi-wn98", "DATABASE": "ANALYTICS", "USERNAME": "ada"}
URL = "snowflake://ada:s3cr3t-w0rd@kgi-wn98/ANALYTICS?warehouse=LOADING&role=LOADER"


def test_an_address_is_taken_apart_and_its_name_has_no_secret() -> None:
    address = address_from_url(URL)
    assert address.name == "snowflake://kgi-wn98/ANALYTICS"
    assert address.secrets == ("s3cr3t-w0rd",)
    assert "s3cr3t-w0rd" not in repr(address)
    told = {name: address.parameters[name] for name in ("account", "user", "database", "warehouse", "role")}
    assert told == {
        "account": "kgi-wn98",
        "user": "ada",
        "database": "ANALYTICS",
        "warehouse": "LOADING",
        "role": "LOADER",
    }


@pytest.mark.parametrize(
    "url", ["snowflake://ada:s3cr3t-w0rd@kgi-wn98", "snowflake://s3cr3t-w0rd", "snowflake://"]
)
def test_a_wrong_address_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WarehouseError, match="snowflake://USER:PASSWORD@ACCOUNT/DATABASE") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": url})
    assert "s3cr3t-w0rd" not in str(refused.value)


def test_a_destination_of_dlt_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch, "snowflake", USER | {"PASSWORD": "s3cr3t-w0rd"})
    assert address_from_dlt("snowflake").name == "snowflake://kgi-wn98/ANALYTICS"


def key_pair(passphrase: str) -> str:
    """Return a private key as text, locked with a passphrase."""
    locked = serialization.BestAvailableEncryption(passphrase.encode())
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()


def test_a_user_signs_in_with_a_key_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    login = {"PRIVATE_KEY": key_pair("s3cr3t-w0rd"), "PRIVATE_KEY_PASSPHRASE": "s3cr3t-w0rd"}
    set_credentials(monkeypatch, "snowflake", USER | login)
    address = address_from_dlt("snowflake")
    key = serialization.load_der_private_key(address.parameters["private_key"], None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert "password" not in address.parameters


def test_a_user_signs_in_with_oauth(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch, "snowflake", USER | {"AUTHENTICATOR": "oauth", "TOKEN": "s3cr3t-w0rd"})
    address = address_from_dlt("snowflake")
    told = {name: address.parameters[name] for name in ("authenticator", "token")}
    assert told == {"authenticator": "oauth", "token": "s3cr3t-w0rd"}
    assert address.secrets == ("s3cr3t-w0rd",)
    assert "s3cr3t-w0rd" not in repr(address)


@pytest.mark.parametrize(
    "login", [{"PRIVATE_KEY": "s3cr3t-w0rd"}, {"PRIVATE_KEY": "", "PRIVATE_KEY_PASSPHRASE": "s3cr3t-w0rd"}]
)
def test_a_login_that_cannot_be_read_is_refused_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    set_credentials(monkeypatch, "snowflake", USER | login)
    with pytest.raises(WarehouseError, match=r"under destination\.snowflake\.credentials") as refused:
        warehouse_from_environment({"ECOM_WAREHOUSE": "snowflake"})
    assert "s3cr3t-w0rd" not in str(refused.value)


def test_each_type_of_a_column_has_a_type_there() -> None:
    assert SQL_TYPES.keys() == COLUMN_TYPES.keys()


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_from_environment({"ECOM_WAREHOUSE": URL, "ECOM_PUBLISH": "copy.duckdb"})
