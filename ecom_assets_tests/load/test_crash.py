"""A run that is killed or fails at any moment leaves the tables as they were before it or as it wanted them."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, Forks, forks, shop_at
from ecom_assets_tests.support.loads.still_sandbox import EARLIER, WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.loads.whole_tables import Dump, dump

ORDERS_PER_DAY = 120
KILLS = 10


class Killing:
    """Kills loads of a week, at random moments, into a file that is new or has earlier windows."""

    def __init__(self, sandbox: Running, forked: Forks, folder: Path) -> None:
        self.base_url = sandbox.base_url
        self.forked = forked
        self.file, self.copy = folder / "one.duckdb", folder / "copy.duckdb"
        earlier = folder / "earlier.duckdb"
        assert forked.end(forked.load(self.base_url, earlier, EARLIER)) == (0, "")
        self.bases: list[Path | None] = [None, earlier]
        self.before: list[Dump | None] = [None, dump(earlier)]
        self.after: list[Dump] = []
        self.reading = self.loading = 0.0
        for base in self.bases:
            self.reset(base)
            began = time.monotonic()
            pid = self.start()
            forked.heard(pid, "loading")
            self.reading = time.monotonic() - began
            assert forked.end(pid) == (0, "")
            self.loading = time.monotonic() - began - self.reading
            self.after.append(dump(self.file))

    def start(self) -> int:
        return self.forked.load(self.base_url, self.file, WEEK, copy=str(self.copy))

    def reset(self, base: Path | None) -> None:
        """Start from a base; its copy for readers is there too."""
        for file in self.file.parent.glob("*"):
            if not file.name.startswith("earlier"):
                file.unlink()
        if base is not None:
            shutil.copyfile(base, self.file)
            shutil.copyfile(base, self.copy)

    def kill_one(self, moment: float, in_load: bool) -> tuple[bool, bool]:
        """Kill a load after seconds, counted from its transaction if `in_load`.

        Return whether it was alive, and whether it was loading.
        """
        pid = self.start()
        if in_load:
            self.forked.heard(pid, "loading")
        time.sleep(moment)
        status, error = self.forked.end(pid, kill=True)
        assert (status, error) in ((-9, ""), (0, "")), error
        return status == -9, (pid, "loading") in self.forked.said


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again(sandbox: Running, forked: Forks, tmp_path: Path) -> None:
    killing = Killing(sandbox, forked, tmp_path)
    chance = random.Random(KILLS)
    done = loading = committed = 0
    while done < KILLS:
        number = done % 2
        before, after = killing.before[number], killing.after[number]
        killing.reset(killing.bases[number])
        for _ in range(3):
            in_load = chance.random() < 0.75
            longest = killing.loading * 0.8 if in_load else killing.reading + killing.loading
            alive, loaded = killing.kill_one(chance.uniform(0, longest), in_load)
            done += alive
            loading += alive and loaded
            state = dump(killing.file) if killing.file.exists() else None
            # a file without tables is what is there before the first load
            assert (state or None) in (before, after)
            committed += alive and state == after
            if killing.copy.exists():
                assert dump(killing.copy) in (before, after)
        assert forked.end(killing.start()) == (0, "")
        assert dump(killing.file) == after
        assert dump(killing.copy) == after
    print(f"{done} killed, {loading} of them while loading, {committed} after the commit")
    assert loading >= KILLS / 3
    left = {file.name for file in tmp_path.iterdir()}
    assert left <= {"earlier.duckdb", "earlier.duckdb.lock", "one.duckdb", "one.duckdb.lock", "copy.duckdb"}


def test_a_ledger_that_refuses_leaves_the_rows_out_too(sandbox: Running, tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse(tmp_path / "one.duckdb")

    def load() -> None:
        windows = EARLIER[:1] if not warehouse.path.exists() else WEEK
        run_load(
            shop_at(sandbox.base_url),
            WINDOWED,
            windows,
            secrets={"api_key": SANDBOX_KEY},
            warehouse=warehouse,
        )

    load()
    with duckdb.connect(str(warehouse.path)) as connection:
        columns = connection.execute("describe sandbox.load_ledger").fetchall()
        body = ", ".join(f"{row[0]} {row[1]}" for row in columns)
        # DuckDB adds no constraint to a table that is there
        connection.execute(
            f"create table kept as from sandbox.load_ledger; drop table sandbox.load_ledger; "
            f"create table sandbox.load_ledger ({body}, check (window_end <= '2026-01-18')); "
            f"insert into sandbox.load_ledger from kept; drop table kept"
        )
    before = dump(warehouse.path)
    with pytest.raises(WarehouseError, match=r"was left as it was: .*CHECK constraint") as failed:
        load()
    assert "\n" not in str(failed.value)
    assert dump(warehouse.path) == before


def test_a_load_that_fails_at_one_of_its_own_statements_leaves_the_file_as_it_was(
    sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statements come after the rows and the ledger are written."""
    execute, left = DuckDbTransaction.execute, 0

    def failing(self: DuckDbTransaction, sql: str, parameters: Sequence[Any] = ()) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise duckdb.IOException("the disk is gone")
        return execute(self, sql, parameters)

    def load(file: Path) -> None:
        run_load(
            shop_at(sandbox.base_url),
            WINDOWED,
            WEEK[:1],
            secrets={"api_key": SANDBOX_KEY},
            warehouse=DuckDbWarehouse(file),
        )

    monkeypatch.setattr(DuckDbTransaction, "execute", failing)
    file, whole = tmp_path / "one.duckdb", tmp_path / "whole.duckdb"
    load(file)
    # an older state of the rows, so that loading the window again changes what is there
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "update sandbox.orders set status = 'older'; delete from sandbox.order_items "
            "where order_id = (select min(order_id) from sandbox.order_items)"
        )
    before = dump(file)
    shutil.copyfile(file, whole)
    left = 0
    load(whole)
    statements = -left
    assert dump(whole) != before
    for place in (statements, statements - 8):
        left = place
        with pytest.raises(WarehouseError, match=r"was left as it was: .*the disk is gone"):
            load(file)
        assert dump(file) == before


def test_folders_of_killed_runs_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, young, foreign = (tmp_path / f"{name}" for name in ("ecom_assets_a", "ecom_assets_b", "other"))
    for folder in (killed, young, foreign):
        (folder / "packages").mkdir(parents=True)
    (tmp_path / "ecom_assets_link").symlink_to(foreign)
    with temporary_folder() as running:
        hours_ago = time.time() - 7200
        for folder in (killed, foreign, running):
            os.utime(folder, (hours_ago, hours_ago))
        os.utime(tmp_path / "ecom_assets_link", (hours_ago, hours_ago), follow_symlinks=False)
        with temporary_folder() as other:
            assert running.is_dir()
            assert other.is_dir()
        assert not killed.exists()
        assert young.is_dir()
        assert (foreign / "packages").is_dir()
    assert not running.exists()
    assert not other.exists()


def test_a_killed_runs_folder_is_swept_later(
    sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with forks(tmp_path) as forked:
        pid = forked.load(sandbox.base_url, tmp_path / "one.duckdb", WEEK)
        forked.heard(pid, "loading")
        forked.end(pid, kill=True)
    (left,) = tmp_path.glob("ecom_assets_*")
    with temporary_folder():
        assert left.exists(), "nobody can tell yet whether its run has just begun"
        os.utime(left, (0, 0))
    with temporary_folder():
        assert not left.exists()
