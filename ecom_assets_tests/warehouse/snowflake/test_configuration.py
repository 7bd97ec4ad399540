"""How ECOM_WAREHOUSE and dlt's configuration name a database of Snowflake."""

from __future__ import annotations

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.snowflake.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.snowflake.types import SQL_TYPES
from ecom_assets_tests.support.warehouses.dlt_credentials import set_credentials

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
    values = {"HOST": "kgi-wn98", "DATABASE": "ANALYTICS", "USERNAME": "ada", "PASSWORD": "s3cr3t-w0rd"}
    set_credentials(monkeypatch, "snowflake", values)
    assert address_from_dlt("snowflake").name == "snowflake://kgi-wn98/ANALYTICS"


def test_each_type_of_a_column_has_a_type_there() -> None:
    assert SQL_TYPES.keys() == COLUMN_TYPES.keys()


def test_a_copy_for_readers_is_refused() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_from_environment({"ECOM_WAREHOUSE": URL, "ECOM_PUBLISH": "copy.duckdb"})
