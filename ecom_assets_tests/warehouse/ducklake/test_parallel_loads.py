"""Parallel loads into one lake with its catalog in PostgreSQL lose nothing: one shop or many, first loads too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WINDOWS
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place

SECRETS = {"api_key": SANDBOX_KEY}


@pytest.fixture
def lake(new_lake: Callable[[], Place]) -> Place:
    """Return an empty lake."""
    return new_lake()


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["first loads", "loads"])
def test_four_processes_load_at_once_and_lose_nothing(
    sandbox: Running, lake: Place, tmp_path: Path, first: bool
) -> None:
    file = Place("duckdb", str(tmp_path / "alone.duckdb"))
    with forks(tmp_path) as forked:
        if not first:
            assert forked.end(forked.load(sandbox.base_url, lake.where, WINDOWS[3:5])) == (0, "")
        loads = [
            forked.load(sandbox.base_url, lake.where, WINDOWS[start : start + 5]) for start in (0, 2, 3, 5)
        ]
        assert [forked.end(load) for load in loads] == [(0, "")] * 4
        assert forked.end(forked.load(sandbox.base_url, file.where, WINDOWS)) == (0, "")
    assert len(file.table("orders")) > 200
    assert lake.tables(*WINDOWED) == file.tables(*WINDOWED)


@pytest.mark.slow
def test_shops_load_into_one_lake_at_once_and_lose_nothing(
    sandbox: Running, lake: Place, tmp_path: Path
) -> None:
    names = [f"shop_{letter}" for letter in "abcd"]

    def load(name: str) -> list[dict[str, Any]]:
        shop = shop_at(sandbox.base_url).model_copy(update={"name": name})
        return [
            run_load(shop, WINDOWED, (window,), secrets=SECRETS, warehouse=lake.warehouse(120)).errors
            for window in WINDOWS[:2]
        ]

    with ThreadPoolExecutor(len(names)) as pool:
        assert list(pool.map(load, names)) == [[{}, {}]] * len(names)
    file = Place("duckdb", str(tmp_path / "alone.duckdb"))
    run_load(shop_at(sandbox.base_url), WINDOWED, WINDOWS[:2], secrets=SECRETS, warehouse=file.warehouse())
    alone = file.table("orders")
    assert len(alone) > 50
    columns = ", ".join(f'"{column.name}"' for column in shop_at("http://x").resource("orders").table_columns)
    expected = sorted(file.rows(f"select {columns} from orders"), key=repr)
    for name in names:
        with lake.warehouse().read(name) as transaction:
            assert (
                sorted(transaction.execute(f"select {columns} from orders").fetchall(), key=repr) == expected
            )
