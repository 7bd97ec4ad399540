"""Tables for notebooks: read as they are, in the form that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

import ecom_assets
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.run import run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.dagster.dagster_runs import declare


def test_the_tables_of_a_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = DuckDbWarehouse(tmp_path / "warehouse.duckdb")
    shop = ecom_assets.load_shop(declare(tmp_path / "shops") / "sandbox.yaml")
    run_load(shop, ["stores"], warehouse=warehouse)
    found = ecom_assets.tables(shop, warehouse=warehouse)
    assert set(found) >= {"stores", "orders", "load_ledger", "rejected_rows"}
    stores = found["stores"].arrow()
    assert stores.num_rows == found["load_ledger"].arrow().column("kept")[0].as_py() > 1
    with pytest.raises(IngestError, match=r"the table sandbox\.orders does not exist: load it"):
        found["orders"].arrow()
    with pytest.raises(KeyError, match="found 'storse'; allowed: customers"):
        found["storse"]
    for name, package in (("polars", "polars"), ("ibis", "ibis-framework"), ("pandas", "pandas")):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(IngestError, match=f"{name} is not installed: pip install '{package}"):
            getattr(found["stores"], name)()

    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("alter table sandbox.stores add column deleted_at timestamptz")
        connection.execute("update sandbox.stores set deleted_at = now() where id = 1")
    assert found["stores"].arrow().num_rows == stores.num_rows
    assert found["stores"].arrow(live=True).num_rows == stores.num_rows - 1


def test_a_shop_by_name_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_WAREHOUSE", str(tmp_path / "none.duckdb"))
    assert "orders" in ecom_assets.tables("sandbox")
    assert not (tmp_path / "none.duckdb").exists()
