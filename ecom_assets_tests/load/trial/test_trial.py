"""The trial of a warehouse: the engines pass it, and one that keeps half of a load does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.load_process import LoadProcess
from ecom_assets.load.trial.loads import DATASET, KILL
from ecom_assets.load.trial.trial import try_warehouse
from ecom_assets_tests.support.loads.commands import run_main
from ecom_assets_tests.support.warehouses.engines import Place, engines_where

pytestmark = pytest.mark.slow

HALF_OF_A_LOAD = """
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
real = DuckDbTransaction.execute
def each_for_itself(self, sql, parameters=()):
    found = real(self, sql, parameters)
    if sql.startswith(("insert", "delete")):
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN TRANSACTION")
    return found
DuckDbTransaction.execute = each_for_itself
"""


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Place], None]]:
    """Point the environment at a place, and end the process that forks, which has what stands for an engine."""

    def at(place: Place) -> None:
        monkeypatch.setenv("ECOM_WAREHOUSE", place.where)
        monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "10")

    yield at
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "new_place",
    [
        "duckdb",
        "ducklake",
        "postgres",
        *engines_where(lambda traits: traits.ddl_commits and not traits.is_in_this_process),
    ],
    indirect=True,
)
def test_an_engine_passes_and_nothing_stays(
    new_place: Callable[[], Place],
    trial: Callable[[Place], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = new_place()
    trial(place)
    code, out, err = run_main(monkeypatch, capsys, "warehouse-test", "--kills", "1", "--json")
    assert code == 0, err
    findings = json.loads(out)
    assert [finding["passed"] for finding in findings] == [True] * 5
    assert "1 loads were killed" in findings[1]["detail"]
    assert "4 loads of two days each" in findings[2]["detail"]
    with place.warehouse().read(DATASET) as transaction:
        assert transaction.columns_of(DATASET) == {}


def test_a_warehouse_that_keeps_half_of_a_load_fails(
    tmp_path: Path, trial: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("duckdb", f"{tmp_path}/w.duckdb")
    trial(place)
    (tmp_path / "sitecustomize.py").write_text(HALF_OF_A_LOAD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    *_, last = try_warehouse(place.warehouse(), lambda _: None, 10)
    assert not last.passed
    assert last.step == "A load that is killed leaves everything as it was"
    assert "changed the tables" in last.detail


def test_a_load_has_the_environment_and_the_folder_of_its_start_and_tells_its_error(
    tmp_path: Path,
    trial: Callable[[Place], None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The process that forks began with another environment, and in another folder."""
    trial(Place("duckdb", "first.duckdb"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("ECOM_WAREHOUSE", f"{name}.duckdb")
        load = LoadProcess(0, 1)
        assert load.wait(100)
        assert load.is_complete(), load.problem()
        assert Path(f"{name}.duckdb").exists()
    monkeypatch.setenv("ECOM_WAREHOUSE", f"{tmp_path}/one/one.duckdb/two")
    load = LoadProcess(0, 1)
    assert load.wait(100)
    assert not load.is_complete()
    assert not load.was_killed()
    assert "one.duckdb/two" in load.problem()
    monkeypatch.setenv("ECOM_WAREHOUSE", "killed.duckdb")
    load = LoadProcess(0, 1, kill_before=1)
    assert load.wait(100)
    assert load.was_killed()
    assert str(KILL) in load.problem()
    assert capfd.readouterr() == ("", "")


def test_a_dataset_that_is_there_already_is_left_alone(
    tmp_path: Path, trial: Callable[[Place], None]
) -> None:
    place = Place("duckdb", f"{tmp_path}/w.duckdb", DATASET)
    trial(place)
    place.write(f"create schema {DATASET}", f"create table {DATASET}.mine as select 1 as number")
    with pytest.raises(WarehouseError, match=f"has the schema {DATASET} with mine already"):
        next(try_warehouse(place.warehouse(), lambda _: None))
    assert place.rows("select number from mine") == [(1,)]
