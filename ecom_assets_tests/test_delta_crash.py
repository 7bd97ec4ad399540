"""A load into Delta tables that is killed between two of them, or loses its turn there, leaves them as they were."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake

from ecom_assets.ingest import delta_commit, delta_turn
from ecom_assets.ingest.delta_folder import DeltaFolder
from ecom_assets.ingest.delta_turn import Turn
from ecom_assets.ingest.delta_warehouse import DeltaWarehouse
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.loading import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.engines import Place, warehouse_at
from ecom_assets_tests.forked_loads import WINDOWED, forks, shop_at
from ecom_assets_tests.still_sandbox import WEEK
from ecom_assets_tests.still_sandbox import sandbox as sandbox
from ecom_assets_tests.still_sandbox import server as server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn end after a second without a sign of life."""
    monkeypatch.setattr(delta_turn, "LEASE", 1.0)


def load(base_url: str, where: str, windows: Any = WEEK) -> None:
    """Load all that has windows."""
    report = run_load(
        shop_at(base_url), WINDOWED, windows, secrets={"api_key": SANDBOX_KEY}, warehouse=warehouse_at(where)
    )
    assert report.errors == {}


def at_each_table(
    patch: pytest.MonkeyPatch,
    before: Callable[[Turn, str], object] = lambda turn, name: None,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Let something happen before and after each table is written."""
    real = delta_commit._write

    def write(turn: Turn, change: Any, table: Any) -> None:
        before(turn, change.table)
        real(turn, change, table)
        after()

    patch.setattr(delta_commit, "_write", write)


def killed_load(base_url: str, where: str, written: int) -> None:
    """Load, and be killed when so many tables are written."""
    left = iter(range(written))

    def die(*given: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        at_each_table(patch, before=die)
        patch.setattr(Turn, "done", lambda turn: os.kill(os.getpid(), signal.SIGKILL))
        load(base_url, where)


def heads(place: Place) -> dict[str, int]:
    """Return the newest version of each table, kept or not."""
    warehouse = place.warehouse()
    assert isinstance(warehouse, DeltaWarehouse)
    folder: DeltaFolder = warehouse.folder
    tables = folder.opened("sandbox", dict.fromkeys(folder.tables("sandbox")))
    return {name: table.version() for name, table in tables.items()}


@pytest.fixture
def lake(new_bucket: Callable[[], str]) -> Place:
    """Return an empty bucket."""
    return Place("delta", new_bucket())


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("first", [True, False], ids=["first load", "later load"])
@pytest.mark.parametrize(
    "written",
    [pytest.param(count, marks=[] if count == 3 else pytest.mark.slow) for count in (0, 1, 3, 5, 99)],
)
def test_killed_between_two_tables(
    lake: Place, sandbox: Running, new_bucket: Callable[[], str], written: int, first: bool
) -> None:
    if not first:
        load(sandbox.base_url, lake.where, WEEK[:2])
    before, versions = lake.tables(), heads(lake)
    process = get_context("spawn").Process(target=killed_load, args=(sandbox.base_url, lake.where, written))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    if written:
        assert heads(lake) != versions
    # who reads through the warehouse never sees it, whatever the tables' newest versions are
    assert lake.tables() == before
    with lake.warehouse().transaction("sandbox"):
        pass
    assert lake.tables() == before
    assert heads(lake).keys() == versions.keys()
    load(sandbox.base_url, lake.where)
    clean = Place("delta", new_bucket())
    if not first:
        load(sandbox.base_url, clean.where, WEEK[:2])
    load(sandbox.base_url, clean.where)
    assert lake.tables() == clean.tables()


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("heir", ["loads", "does nothing"])
def test_a_load_that_lost_its_turn_while_it_wrote_cannot_go_on(
    lake: Place, sandbox: Running, monkeypatch: pytest.MonkeyPatch, heir: str
) -> None:
    load(sandbox.base_url, lake.where, WEEK[:1])
    monkeypatch.setattr(delta_turn, "BEAT", 1000.0)
    asleep, awake = threading.Event(), threading.Event()
    written: list[str] = []

    def sleep(turn: Turn, name: str) -> None:
        if threading.current_thread().name == "sleeper":
            if len(written) == 2:
                asleep.set()
                assert awake.wait(60)
                # right after it had made sure that the turn is its own
            written.append(name)

    at_each_table(monkeypatch, before=sleep)
    failed: list[BaseException] = []

    def sleeper() -> None:
        try:
            load(sandbox.base_url, lake.where, WEEK)
        except WarehouseError as error:
            failed.append(error)

    thread = threading.Thread(target=sleeper, name="sleeper")
    thread.start()
    assert asleep.wait(60)
    if heir == "loads":
        load(sandbox.base_url, lake.where, WEEK[1:3])
    else:
        with lake.warehouse().transaction("sandbox"):
            pass
    kept = lake.tables()
    awake.set()
    thread.join(60)
    assert len(failed) == 1
    assert "was left as it was: " in str(failed[0]) or "took the turn" in str(failed[0])
    assert lake.tables() == kept
    load(sandbox.base_url, lake.where, WEEK)
    assert len(lake.tables()["orders"]) > len(kept["orders"])


@pytest.mark.slow
def test_readers_see_all_of_a_load_at_once(
    lake: Place, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(sandbox.base_url, lake.where, WEEK[:2])
    before = lake.tables()
    seen: list[dict[str, Any]] = []
    at_each_table(monkeypatch, after=lambda: seen.append(lake.tables()))
    load(sandbox.base_url, lake.where)
    assert len(seen) > 4
    assert all(tables == before for tables in seen)
    assert len(lake.tables()["orders"]) > len(before["orders"])


def test_a_load_that_cannot_write_a_table_undoes_the_others(
    lake: Place, sandbox: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(sandbox.base_url, lake.where, WEEK[:2])
    before = lake.tables()

    def disturb(turn: Turn, name: str) -> None:
        if name == "load_ledger":
            # somebody who knows nothing of turns writes it right now
            ledger = turn.folder.table("sandbox", "load_ledger")
            write_deltalake(ledger, ledger.to_pyarrow_table().slice(0, 1), mode="append")

    at_each_table(monkeypatch, before=disturb)
    with pytest.raises(
        WarehouseError, match=r"^the warehouse delta:s3://lake-\d+/shops was left as it was: "
    ):
        load(sandbox.base_url, lake.where)
    assert Turn(lake.warehouse().folder, "sandbox").look().undo is None  # type: ignore[attr-defined]
    assert lake.tables() == before
    monkeypatch.undo()


@pytest.mark.slow
def test_processes_that_load_at_once_lose_nothing(
    lake: Place, sandbox: Running, new_bucket: Callable[[], str], tmp_path: Path
) -> None:
    alone = Place("delta", new_bucket())
    with forks(tmp_path) as forked:
        loads = [forked.load(sandbox.base_url, lake.where, WEEK[start : start + 3]) for start in (0, 1, 2, 3)]
        assert [forked.end(load) for load in loads] == [(0, "")] * 4
    load(sandbox.base_url, alone.where)
    tables = [*WINDOWED, "rejected_rows"]
    assert lake.tables(*tables) == alone.tables(*tables)
    assert len(lake.table("load_ledger")) == 4 * 3 * len(WINDOWED)
