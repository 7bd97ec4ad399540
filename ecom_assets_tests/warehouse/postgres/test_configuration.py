"""Addresses of PostgreSQL that are refused, without showing them, and the driver that has to be installed."""

from __future__ import annotations

import sys

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.warehouses.engines import warehouse_at


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:s3cr3t@word@host/shop",
        "postgresql://user:s3cr3t/word@host/shop",
        "postgresql://user:s3cr3t%zz@host/shop",
        "postgresql://user:word@host:s3cr3t/shop",
        "postgres://user:1/s3cr3t@host/shop",
        "postgresql://user@host/shop?password=s3cr3t&nonsense=1",
    ],
)
def test_an_address_that_cannot_be_read_is_not_shown(address: str) -> None:
    with pytest.raises(WarehouseError, match=r"^ECOM_WAREHOUSE: found an address that .*%40 for @$") as no:
        warehouse_at(address)
    assert "s3cr3t" not in str(no.value)
    assert "word@" not in str(no.value)


def test_a_copy_for_readers_is_refused_with_the_reason() -> None:
    with pytest.raises(WarehouseError, match="ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_at("postgresql://user:s3cr3t@host/shop", 20, "copy.duckdb")


def test_without_its_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ecom_assets.warehouse.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(
        WarehouseError, match=r"the Python package psycopg2: pip install 'ecom-assets\[postgres\]'"
    ):
        warehouse_at("postgresql://user@host/shop")
