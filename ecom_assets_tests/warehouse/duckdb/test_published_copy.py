"""The copy of the warehouse for readers is replaced as a whole by each load, and cannot make a load fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance

from ecom_assets.foundation.errors import NotPublished
from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.support.dagster.dagster_runs import Runs
from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.loads.whole_tables import dump
from ecom_assets_tests.support.warehouses.engines import Place

ORDERS_PER_DAY = 120


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDbWarehouse:
    """Return a warehouse with a copy."""
    return DuckDbWarehouse(tmp_path / "one.duckdb", 5, tmp_path / "readers" / "copy.duckdb")


def rows(file: Path | None) -> list[tuple[int]]:
    """Return the rows of the table `a`."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute("select * from a order by all").fetchall()


def test_the_copy_has_the_committed_rows(warehouse: DuckDbWarehouse) -> None:
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x")
    assert rows(warehouse.copy) == [(1,)]
    for number in range(2, 5):
        with duckdb.connect(str(warehouse.copy), read_only=True) as reader:
            reader.execute("select * from a")
            with warehouse.transaction("sandbox") as transaction:
                transaction.execute("insert into a values (?)", [number])
                assert rows(warehouse.copy) == [(before,) for before in range(1, number)]
            # a reader that has the former copy open goes on reading it
            assert len(reader.execute("select * from a").fetchall()) == number - 1
        assert rows(warehouse.copy) == [(before,) for before in range(1, number + 1)]


def test_the_copy_is_replaced_in_one_step(warehouse: DuckDbWarehouse) -> None:
    """Bytes of the former copy never change: DuckDB reads most of a file only when a query needs it."""
    assert warehouse.copy
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x")
    former = warehouse.copy.read_bytes()
    with warehouse.copy.open("rb") as reader:
        with warehouse.transaction("sandbox") as transaction:
            transaction.execute("insert into a values (2)")
        assert reader.read() == former
    assert warehouse.copy.read_bytes() != former


def test_a_failed_load_does_not_change_the_copy(warehouse: DuckDbWarehouse) -> None:
    with pytest.raises(duckdb.CatalogException), warehouse.transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x; insert into nothing values (1)")
    assert warehouse.copy
    assert not warehouse.copy.exists()


def test_rows_from_the_write_ahead_log_of_an_earlier_load_are_in_the_copy(warehouse: DuckDbWarehouse) -> None:
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x")
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("set checkpoint_threshold = '1gb'; insert into a values (2)")
        # as after a killed process
        for end in ("", ".wal"):
            shutil.copyfile(f"{warehouse.path}{end}", f"{warehouse.path}{end}.left")
    for end in ("", ".wal"):
        Path(f"{warehouse.path}{end}.left").replace(f"{warehouse.path}{end}")
    with warehouse.transaction("sandbox") as transaction:
        transaction.execute("insert into a values (3)")
    assert rows(warehouse.copy) == [(1,), (2,), (3,)]


def test_a_copy_that_cannot_be_written_leaves_the_load_and_the_former_copy(
    warehouse: DuckDbWarehouse, tmp_path: Path
) -> None:
    (tmp_path / "readers").write_text("in the way")
    with pytest.raises(NotPublished) as failed, warehouse.transaction("sandbox") as transaction:
        transaction.execute("create table a as select 1 as x")
    head, _, why = str(failed.value).partition(" (ECOM_PUBLISH) was left as it was: ")
    assert head == f"the load is in the warehouse {warehouse.path}, but its copy {warehouse.copy}"
    assert why in ("File exists", "Not a directory")
    assert rows(warehouse.path) == [(1,)]
    (tmp_path / "readers").unlink()
    with warehouse.transaction("sandbox"):
        pass
    assert rows(warehouse.copy) == [(1,)]


@pytest.mark.slow
def test_a_load_on_a_disk_too_small_for_its_copy(sandbox: Running, forked: Forks, tmp_path: Path) -> None:
    file, copy = tmp_path / "one.duckdb", tmp_path / "copy.duckdb"
    assert forked.end(forked.load(sandbox.base_url, file, WEEK[:1], copy=str(copy))) == (0, "")
    before = dump(copy)
    # the load's write-ahead log is smaller than this limit, the file is larger
    status, error = forked.end(
        forked.load(sandbox.base_url, file, WEEK, copy=str(copy), largest_file=1_000_000)
    )
    assert status == 1
    assert error.startswith(
        f"NotPublished the load is in the warehouse {file}, but its copy {copy} (ECOM_PUBLISH)"
    )
    assert error.endswith("File too large")
    assert dump(copy) == before
    assert dump(file) != before
    assert forked.end(forked.load(sandbox.base_url, file, WEEK[:1], copy=str(copy))) == (0, "")
    assert dump(copy) == dump(file)


def test_a_run_reports_its_load_then_fails_for_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "readers").write_text("in the way")
    monkeypatch.setenv("ECOM_PUBLISH", str(tmp_path / "readers" / "copy.duckdb"))
    with DagsterInstance.ephemeral() as instance:
        runs = Runs(build_defs(), instance, Place("duckdb", str(tmp_path / "one.duckdb")))
        outcome = runs.snapshots()
        assert not outcome.success
        assert {name for name, _ in outcome.materialised} == {"products", "stores"}
        assert "but its copy" in outcome.failure
        assert runs.rows("select count(*) from sandbox.stores") == [(5,)]
        (tmp_path / "readers").unlink()
        assert runs.snapshots("stores").success
        assert (tmp_path / "readers" / "copy.duckdb").exists()
