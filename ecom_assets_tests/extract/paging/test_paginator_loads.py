"""Whole loads of a sandbox whose records come, go and change between the pages."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.loads.still_sandbox import NOW
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server

ORDERS_PER_DAY = 30
SHOP = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
ORDERS, STORES = "/v1/orders", "/v1/stores"


def load(sandbox: Running, file: Path, name: str, limit: int, window: Window | None = None) -> RunReport:
    """Load one table in pages of so many records."""
    paginator = {"type": "offset", "limit": limit, "total_path": "total"}
    client = SHOP.client.model_copy(update={"base_url": sandbox.base_url, "paginator": paginator})
    shop = SHOP.model_copy(update={"client": client})
    windows = [window] if window else []
    return run_load(
        shop, [name], windows, secrets={"api_key": SANDBOX_KEY}, warehouse=DuckDbWarehouse(file, 20)
    )


def rows(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the warehouse."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def window() -> Window:
    """Return yesterday."""
    assert SHOP.partitions
    return windows_between(SHOP.partitions, datetime(2026, 1, 1, tzinfo=timezone.utc), NOW)[-1]


def test_a_snapshot_that_changes_in_place_is_loaded_as_it_was_at_one_moment(
    sandbox: Running, tmp_path: Path
) -> None:
    file = tmp_path / "w.duckdb"
    load(sandbox, file, "stores", 100)
    ids = [number for (number,) in rows(file, "select id from sandbox.stores order by id")]
    sandbox.log.clear()

    def change() -> None:
        sandbox.faults.change(STORES, ids[0], name="first")
        sandbox.faults.change(STORES, ids[-1], name="last")

    sandbox.faults.after(STORES, requests=1, do=change)
    report = load(sandbox, file, "stores", len(ids) - 1)
    assert report.errors == {}
    (found,) = report.resources["stores"].windows
    assert found.restarts == 1
    assert found.requests == len(sandbox.log.requests) == 6
    assert rows(file, "select id, name from sandbox.stores where name in ('first', 'last') order by id") == [
        (ids[0], "first"),
        (ids[-1], "last"),
    ]


def test_a_window_costs_no_second_reading(sandbox: Running, tmp_path: Path, window: Window) -> None:
    report = load(sandbox, tmp_path / "w.duckdb", "orders", 7, window)
    assert report.errors == {}
    (found,) = report.resources["orders"].windows
    total = found.source_total
    assert total is not None
    assert total > 20
    assert found.requests == len(sandbox.log.requests) == -(-(total - 1) // 6)
    assert found.restarts == 0


def test_records_that_leave_a_window_between_pages_are_not_in_it(
    sandbox: Running, tmp_path: Path, window: Window
) -> None:
    file = tmp_path / "w.duckdb"
    load(sandbox, file, "orders", 100, window)
    ids = [number for (number,) in rows(file, "select id from sandbox.orders order by updated_at, id")]

    def change() -> None:
        sandbox.faults.change(ORDERS, ids[0], updated_at="2026-01-20T11:59:59Z")
        sandbox.faults.delete(ORDERS, ids[-1])

    sandbox.faults.after(ORDERS, requests=1, do=change)
    other = tmp_path / "other.duckdb"
    report = load(sandbox, other, "orders", 7, window)
    assert report.errors == {}
    assert report.resources["orders"].windows[0].restarts == 1
    assert [
        number for (number,) in rows(other, "select id from sandbox.orders order by updated_at, id")
    ] == ids[1:-1]
