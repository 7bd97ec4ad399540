"""Processes that load overlapping windows at once lose nothing, and one that waits says who holds the lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.still_sandbox import WINDOWS
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.loads.whole_tables import dump
from ecom_assets_tests.support.paths import ROOT

ORDERS_PER_DAY = 60


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_four_load_while_a_fifth_reads(sandbox: Running, forked: Forks, tmp_path: Path, rounds: int) -> None:
    file, copy, stop = tmp_path / "one.duckdb", tmp_path / "copy.duckdb", tmp_path / "stop"
    reader = forked.poll(copy, stop)
    for _ in range(rounds):
        loads = [
            forked.load(sandbox.base_url, file, WINDOWS[first : first + 5], copy=str(copy))
            for first in (0, 2, 3, 5)
        ]
        assert [forked.end(load) for load in loads] == [(0, "")] * 4
    stop.touch()
    assert forked.end(reader) == (0, "")
    reads, states = map(int, forked.heard(reader, "read").split())
    assert reads > 10
    assert states >= 3, "the reader saw too few of the loads to show anything"
    alone = tmp_path / "alone.duckdb"
    assert forked.end(forked.load(sandbox.base_url, alone, WINDOWS)) == (0, "")
    assert dump(file) == dump(alone)
    assert dump(copy) == dump(file)


def test_who_waits_is_told_for_whom_and_goes_on(forked: Forks, tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    said: list[str] = []
    holder = forked.hold(file, 0.5)
    with DuckDbWarehouse(file, 20).transaction("sandbox", said.append) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]
    (line,) = said
    assert line.startswith(f"waiting for the warehouse {file}: held by PID {holder} on ")
    assert line.endswith(f"({Path(sys.executable).name} -c)")
    assert forked.end(holder) == (0, "")
    assert {entry.name for entry in tmp_path.iterdir()} == {"one.duckdb", "one.duckdb.lock"}


def test_who_gives_up_names_the_holder(forked: Forks, tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    # a killed process leaves its note behind, which the next holder's replaces
    forked.end(forked.hold(file, 60), kill=True)
    assert Path(f"{file}.holder").exists()
    holder = forked.hold(file, 60)
    with (
        pytest.raises(
            WarehouseError, match=rf"was held by PID {holder} on .*for 0.2 s \(ECOM_LOCK_TIMEOUT\)"
        ),
        DuckDbWarehouse(file, 0.2).transaction("sandbox"),
    ):
        pass
    forked.end(holder, kill=True)
    with DuckDbWarehouse(file, 0.2).transaction("sandbox"):
        pass


def test_a_holder_that_could_leave_no_note(tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    Path(f"{file}.holder").mkdir()
    with (
        DuckDbWarehouse(file).transaction("sandbox"),
        pytest.raises(WarehouseError, match=r"was held by another load for 0\.1 s"),
        DuckDbWarehouse(file, 0.1).transaction("sandbox"),
    ):
        pass


def test_a_program_that_knows_no_lock_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", script, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    ) as program:
        assert program.stdin
        assert program.stdout
        program.stdout.readline()
        ending = threading.Timer(0.5, program.stdin.close)
        ending.start()
        with DuckDbWarehouse(file, 20).transaction("sandbox", said.append) as connection:
            connection.execute("create table a as select 1 as x")
        ending.join()
    (line,) = said
    assert line.startswith(f"waiting for the warehouse {file}: held by ")
    assert str(program.pid) in line


def test_the_holders_note_holds_no_argument_that_could_be_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "one.duckdb"
    script = (
        "import sys; from pathlib import Path; from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse\n"
        "with DuckDbWarehouse(Path(sys.argv[1])).transaction('sandbox'):\n"
        "  print(Path(sys.argv[1] + '.holder').read_text())"
    )
    command = [sys.executable, "-c", script, str(file), '{"api_key": "sesame"}', "--token=sesame", "sesame"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("PID ")
    assert "sesame" not in done.stdout
