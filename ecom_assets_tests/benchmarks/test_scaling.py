"""The measurement of how a backfill grows: each number of workers lands all rows, and a failure ends it."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks import data, scaling
from benchmarks.runs import serving

SIZE = data.Size(orders=600, customers=120, products=30)
DAYS, WINDOWS_PER_RUN = 20, 6


@pytest.mark.slow
def test_two_workers_load_what_one_loads(tmp_path: Path) -> None:
    records = data.make(tmp_path / "records", SIZE)
    with serving(records, 0.01) as server, scaling.empty_warehouses("duckdb", tmp_path) as place:
        runs = scaling.runs_of(scaling.shop_at(server.url), DAYS, WINDOWS_PER_RUN)
        assert [len(windows) for windows in runs] == [6, 6, 6, 2]
        costs = [scaling.measure("duckdb", place(workers), server.url, runs, workers) for workers in (1, 2)]
    found = []
    for workers, cost in zip((1, 2), costs, strict=True):
        with duckdb.connect(str(tmp_path / f"{workers}.duckdb"), read_only=True) as connection:
            found.append(connection.execute("select id, updated_at from bench.orders order by id").fetchall())
        assert cost.workers == workers
        assert 0 < cost.held < cost.wall
        assert cost.fetched < cost.wall
    assert found[0] == found[1]
    assert costs[0].rows == costs[1].rows > len(found[0]) > 20
    lines = scaling.table(costs).splitlines()
    assert [line.split("|")[1:3] for line in lines[2:]] == [[" duckdb ", " 1 "], [" duckdb ", " 2 "]]
    assert {line.count("|") for line in lines} == {10}


def test_a_worker_that_fails_ends_the_measurement(tmp_path: Path) -> None:
    runs = scaling.runs_of(scaling.shop_at("http://127.0.0.1:1"), 4, 2)
    (tmp_path / "0.duckdb").write_text("this is no warehouse")
    with (
        scaling.empty_warehouses("duckdb", tmp_path) as place,
        pytest.raises(SystemExit, match="a worker is gone"),
    ):
        scaling.measure("duckdb", place(0), "http://127.0.0.1:1", runs, 2)


def test_a_warehouse_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scaling", "--warehouse", "duckdb,oracle"])
    with pytest.raises(SystemExit):
        scaling.main()
    assert "found oracle; allowed: duckdb, postgres, ducklake" in capsys.readouterr().err
