"""A lake as the warehouse: the same rows as in a DuckDB file, all or nothing, one load at a time."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.load import commit as loading
from ecom_assets.load.ledger.status import status
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.ducklake.postgres_catalog import PostgresLakeWarehouse
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at
from ecom_assets_tests.support.loads.still_sandbox import NOW, WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place


@pytest.fixture(
    params=["sqlite", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("postgres", "duckdb"))]
)
def lake(request: pytest.FixtureRequest, new_lake: Callable[..., Place], tmp_path: Path) -> Place:
    """Return an empty lake with each kind of catalog."""
    if request.param == "postgres":
        return new_lake()
    return new_lake(CATALOG=f"{request.param}:///{tmp_path}/cat'alog.{request.param}")


@pytest.fixture
def load(sandbox: Running) -> Callable[..., Any]:
    """Return a function that loads from the sandbox into a place."""

    def loads(place: Place, names: list[str], windows: Any = ()) -> Any:
        secrets = {"api_key": SANDBOX_KEY}
        warehouse = place.warehouse()
        return run_load(shop_at(sandbox.base_url), names, windows, secrets=secrets, warehouse=warehouse)

    return loads


@pytest.mark.slow
def test_the_files_of_a_lake_are_private(lake: Place, tmp_path: Path, load: Callable[..., Any]) -> None:
    before = os.umask(0o022)
    try:
        assert load(lake, ["products"]).errors == {}
        files = tmp_path / lake.where
        found = [files, *files.rglob("*")]
        assert any(entry.suffix == ".parquet" for entry in found)
        assert {entry.stat().st_mode & 0o077 for entry in found} == {0}
        # an operator opens the folder: what comes later is as open
        files.chmod(0o750)
        assert load(lake, ["products"]).errors == {}
        later = [entry for entry in files.rglob("*") if entry not in found and entry.suffix == ".parquet"]
    finally:
        assert os.umask(before) == 0o022
    # elsewhere the file of the catalog says who may read
    if isinstance(lake.warehouse(), PostgresLakeWarehouse):
        assert {entry.stat().st_mode & 0o777 for entry in later} == {0o640}


@pytest.mark.slow
def test_a_lake_has_what_a_file_has_and_a_range_equals_its_windows(
    lake: Place, tmp_path: Path, load: Callable[..., Any]
) -> None:
    file = Place("duckdb", str(tmp_path / "file.duckdb"))
    for place in (file, lake):
        assert load(place, ["products", "stores"]).errors == {}
    days = WEEK[-2:]
    assert load(file, WINDOWED, days).errors == {}
    for window in days[::-1]:
        assert load(lake, WINDOWED, (window,)).errors == {}
    expected = file.tables()
    assert lake.tables() == expected
    assert len(expected["orders"]) > 100
    report = load(lake, WINDOWED, days[:1])
    assert report.errors == {}
    tables = [name for name in expected if name != "load_ledger"]
    assert lake.tables(*tables) == {name: expected[name] for name in tables}
    shop = shop_at("http://127.0.0.1:1")
    shown = [
        [replace(entry, last_load=None) for entry in status(shop, place.warehouse(), NOW)]
        for place in (lake, file)
    ]
    assert shown[0] == shown[1]


def killed_load(base_url: str, where: str) -> None:
    """Load, and kill this process when everything but the commit is done."""
    loading.__dict__["record_layout"] = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
    warehouse = Place("ducklake", where).warehouse()
    run_load(shop_at(base_url), WINDOWED, WEEK, secrets={"api_key": SANDBOX_KEY}, warehouse=warehouse)


@pytest.mark.slow
def test_a_killed_load_leaves_the_lake_as_it_was(
    lake: Place, sandbox: Running, load: Callable[..., Any]
) -> None:
    assert load(lake, WINDOWED, WEEK[:1]).errors == {}
    before = lake.tables()
    process = get_context("spawn").Process(target=killed_load, args=(sandbox.base_url, lake.where))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert lake.tables() == before
    assert load(lake, WINDOWED, WEEK).errors == {}
    assert len(lake.tables()["orders"]) > len(before["orders"])


@pytest.mark.slow
def test_loads_at_the_same_time_lose_nothing(lake: Place, load: Callable[..., Any]) -> None:
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda start: load(lake, WINDOWED, WEEK[start : start + 2]), (0, 2, 4)))
    assert [report.errors for report in reports] == [{}, {}, {}]
    alone = lake.tables("customers", "orders", "order_items")
    assert load(lake, WINDOWED, WEEK).errors == {}
    assert lake.tables("customers", "orders", "order_items") == alone


def test_rejected_rows_are_kept_once(lake: Place, sandbox: Running, load: Callable[..., Any]) -> None:
    record = {"id": "x", "updated_at": "2026-01-14T10:00:00Z"}
    for _ in range(2):
        sandbox.faults.answer(json.dumps({"data": [record], "total": 1}), path="/v1/customers", times=1)
        assert load(lake, ["customers"], WEEK[:1]).errors == {}
        assert lake.rows("select resource, partition_key from rejected_rows") == [("customers", "2026-01-14")]
