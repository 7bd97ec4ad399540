"""Addresses of Redshift, and that no message shows a secret of them."""

from __future__ import annotations

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.redshift.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.redshift.types import SQL_TYPES
from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

URL = "redshift://ada:s3cr3t%40w0rd@kgi.redshift.example:5440/analytics?sslmode=verify-full&sslrootcert=%2Fca.pem"


def test_an_address_is_taken_apart_and_its_name_has_no_secret() -> None:
    address = address_from_url(URL)
    assert address.name == "redshift://kgi.redshift.example:5440/analytics"
    assert address.secrets == ("s3cr3t@w0rd",)
    assert "s3cr3t" not in repr(address)
    wanted = {
        "host": "kgi.redshift.example",
        "port": 5440,
        "user": "ada",
        "password": "s3cr3t@w0rd",
        "dbname": "analytics",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "connect_timeout": 15,
    }
    assert wanted.items() <= address.parameters.items()
    plain = address_from_url("redshift://ada@host/analytics")
    assert (plain.parameters["port"], plain.parameters["sslmode"], plain.secrets) == (5439, "require", ())


@pytest.mark.parametrize(
    "url",
    [
        "redshift://me:s3cr3t@host",
        "redshift://me:s3cr3t@host/",
        "redshift://me:s3cr3t@host/a/b",
        "redshift://me:s3cr3t#w0rd@host/a",
        "redshift://me:s3cr3t/w0rd@host/a",
        "redshift://me:s3cr3t?w0rd@host/a",
        "redshift://me:s3cr3t@host:port/a",
        "redshift://me:s3cr3t@host/a?options=-c",
        "redshift://:s3cr3t@host/a",
        "redshift://me:s3cr3t@/a",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(WarehouseError, match="redshift://USER:PASSWORD@HOST:PORT/DATABASE") as no:
        warehouse_from_environment({"ECOM_WAREHOUSE": url})
    assert "s3cr3t" not in str(no.value)
    assert no.value.__context__ is None or no.value.__suppress_context__


def test_a_destination_of_dlt_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"HOST": "kgi.example", "DATABASE": "analytics", "USERNAME": "ada", "PASSWORD": "s3cr3t-w0rd"}
    set_credentials(monkeypatch, "redshift", values)
    address = address_from_dlt("redshift")
    assert address.name == "redshift://kgi.example:5439/analytics"
    assert address.secrets == ("s3cr3t-w0rd",)
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": "redshift"})
    assert (warehouse.kind, warehouse.uri) == ("redshift", address.name)
    assert "untested against the service" in warehouse.preview


def test_missing_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__REDSHIFT__CREDENTIALS__PASSWORD", "s3cr3t-w0rd")
    with pytest.raises(WarehouseError, match=r"'redshift' lacks .*host") as no:
        warehouse_from_environment({"ECOM_WAREHOUSE": "redshift"})
    assert "s3cr3t-w0rd" not in str(no.value)


def test_each_type_of_a_column_has_a_type_there() -> None:
    assert SQL_TYPES.keys() == COLUMN_TYPES.keys()


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_from_environment({"ECOM_WAREHOUSE": URL, "ECOM_PUBLISH": "copy.duckdb"})


def test_names_that_redshift_cannot_have_are_refused() -> None:
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    warehouse = warehouse_from_environment({"ECOM_WAREHOUSE": URL})
    warehouse.check(shop)
    with pytest.raises(WarehouseError, match="Redshift keeps names that begin with pg_"):
        warehouse.check(shop.model_copy(update={"name": "pg_shop"}))
    with pytest.raises(WarehouseError, match="longer than the 127 bytes that Redshift allows"):
        warehouse.check_columns(shop, "orders", ["ä" * 64])
    with pytest.raises(WarehouseError, match="Redshift keeps the name oid for a column of its own"):
        warehouse.check_columns(shop, "orders", ["id", "oid"])
    with pytest.raises(WarehouseError, match="the columns a and A would have the same name in Redshift"):
        warehouse.check_columns(shop, "orders", ["a", "A"])
    with pytest.raises(WarehouseError, match=r"1,601 columns are more than the 1,600 that Redshift allows"):
        warehouse.check_columns(shop, "orders", [f"c{number}" for number in range(1601)])
