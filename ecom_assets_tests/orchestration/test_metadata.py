"""Metadata of materializations in cases that a real run of the sandbox does not reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.load.run import ResourceReport, RunReport, WindowReport
from ecom_assets.orchestration.metadata import row_counts, table_metadata, window_metadata
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse

SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")


def test_a_warehouse_that_cannot_be_read_after_the_load(tmp_path: Path) -> None:
    """The load is still reported, without the row count of the table."""
    warehouse = DuckDbWarehouse(tmp_path / "gone.duckdb")
    assert row_counts(SHOP, warehouse, ["orders"]) == {}
    orders = ResourceReport("orders", "sandbox.orders", load_id="17")
    metadata = table_metadata(
        RunReport("sandbox", {"orders": orders}, {"load": 1.5}), orders, warehouse, None
    )
    assert metadata == {
        "dagster/table_name": "sandbox.orders",
        "dagster/uri": (tmp_path / "gone.duckdb").as_uri(),
        "load_id": "17",
        "run_seconds/load": 1.5,
    }
    told = RunReport("sandbox", {"orders": orders}, {"load": 1.5}, bytes_read=1024)
    assert table_metadata(told, orders, warehouse, None) == {**metadata, "run_bytes_read": 1024}


def test_no_figure_of_a_window_stands_for_another() -> None:
    """In most windows the total, the fetched and the kept records are the same number."""
    window = WindowReport(
        resource="orders",
        partition_key="2026-01-02",
        window_start=None,
        window_end=None,
        source_total=18,
        fetched=17,
        kept=15,
        rejected=2,
        requests=7,
        retries=4,
        restarts=3,
        seconds=0.5,
    )
    assert window_metadata(window) == {
        "dagster/partition_row_count": 15,
        "source_total": 18,
        "fetched": 17,
        "rejected": 2,
        "requests": 7,
        "retries": 4,
        "restarts": 3,
        "seconds": 0.5,
    }


def test_fields_that_were_dropped(tmp_path: Path) -> None:
    """Under discard_value the report names each unknown field and how often it was there."""
    orders = ResourceReport("orders", "sandbox.orders", discarded={"gift_note": 3})
    run = RunReport("sandbox", {"orders": orders}, {})
    metadata = table_metadata(run, orders, DuckDbWarehouse(tmp_path / "a.duckdb"), 0)
    assert metadata["discarded_fields"] == {"gift_note": 3}
    # an object whose names are data, such as SKUs, does not fill Dagster's event log
    counts = {f"stock__sku_{number}": 1 for number in range(20_000)} | {"gift_note": 3}
    metadata = table_metadata(
        run, replace(orders, discarded=counts), DuckDbWarehouse(tmp_path / "a.duckdb"), 0
    )
    shown = metadata["discarded_fields"]
    assert (len(shown), shown["gift_note"], shown["19,901 other fields"]) == (101, 3, 19_901)
    assert metadata["dagster/row_count"] == 0
