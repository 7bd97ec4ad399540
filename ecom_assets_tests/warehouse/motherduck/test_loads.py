"""Loads into the file that stands for MotherDuck: killed ones, lost connections, conflicts, and staged rows."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecom_assets.client.redaction import Redactor
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.motherduck import staging
from ecom_assets.warehouse.motherduck.warehouse import MotherDuckWarehouse
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.warehouses.engines import Place

CONFLICT = (
    "TransactionContext Error: Failed to commit: MotherDuck transaction statement failed: TransactionContext Error: "
    "Transaction conflict: cannot update a table that has been altered!"
)
LOST = "TransactionContext Error: Failed to commit: MotherDuck transaction statement failed: s3cr3t-w0rd: no answer"
KILLED = """
import os, sys
from ecom_assets.load.trial.loads import killed_before, load_days
from ecom_assets.warehouse.choice import warehouse_from_environment

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        load_days(killed_before(warehouse_from_environment(), int(line)), 1, 1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STAGED = "select table_name from duckdb_tables() where table_name like 'ecom_staged%'"


@pytest.fixture
def place(new_motherduck: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "10")
    return Place("motherduck", new_motherduck(), DATASET)


class Watched:
    """A connection that calls a function with each statement, and runs it if that does."""

    def __init__(self, real: duckdb.DuckDBPyConnection, run: Callable[..., Any]) -> None:
        self._real, self._run = real, run

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self._run(lambda: self._real.execute(sql, *parameters), sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def watched(run: Callable[[Callable[[], Any], str], Any]) -> Iterator[None]:
    real = MotherDuckWarehouse.connect
    with pytest.MonkeyPatch.context() as patch:
        opened = staticmethod(lambda address: Watched(real(address), run))
        patch.setattr(MotherDuckWarehouse, "connect", opened)
        yield


def write(place: Place) -> None:
    with place.warehouse().transaction(DATASET) as transaction:
        transaction.create_schema(DATASET)
        transaction.execute(f"create table {DATASET}.written as select 1 as number")


def test_a_conflict_at_the_commit_leaves_everything_as_it_was(place: Place) -> None:
    def conflicting(execute: Callable[[], Any], sql: str) -> Any:
        if sql == "COMMIT":
            raise duckdb.TransactionException(CONFLICT)
        return execute()

    with watched(conflicting), pytest.raises(WarehouseError) as failed:
        write(place)
    assert str(failed.value).startswith(
        f"the warehouse {place.warehouse()} was left as it was: TransactionContext"
    )
    assert place.present(["written"]) == []
    write(place)


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_connection_lost_at_the_commit_is_said(place: Place, is_committed: bool) -> None:
    def losing(execute: Callable[[], Any], sql: str) -> Any:
        if sql != "COMMIT":
            return execute()
        if is_committed:
            execute()
        raise duckdb.TransactionException(LOST)

    with (
        watched(losing),
        pytest.raises(WarehouseError, match=r"was lost at the moment of the commit: .*its ledger"),
    ):
        write(place)
    assert place.present(["written"]) == ["written"] * is_committed


def test_a_log_of_somebody_else_meanwhile_shows_no_token(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    with place.warehouse().transaction(DATASET):
        logging.getLogger("somebody").warning("connected with %s", "s3cr3t-w0rd")
    assert [record.getMessage() for record in caplog.records] == ["connected with ***"]


def test_with_a_dropped_schema_goes_the_one_beside_it(place: Place) -> None:
    write(place)
    place.write(f"drop table {DATASET}.written", f'drop schema if exists "{DATASET}"')
    assert place.rows(f"select schema_name from duckdb_schemas() where schema_name like '{DATASET}%'") == []
    write(place)


@pytest.mark.parametrize("fails", [True, False])
def test_rows_are_sent_before_the_lock_and_their_table_is_dropped(
    place: Place, fails: bool, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "a.parquet")
    seen: list[str] = []

    def seeing(execute: Callable[[], Any], sql: str) -> Any:
        seen.append(sql)
        return execute()

    def load() -> None:
        with place.warehouse().transaction(
            DATASET,
            stage=lambda each: each.stage_files("ecom_read_a", {"id": "BIGINT"}, [tmp_path / "a.parquet"]),
        ) as transaction:
            assert transaction.execute("select sum(id) from ecom_read_a").fetchall() == [(3,)]
            if fails:
                raise ZeroDivisionError

    with watched(seeing):
        if fails:
            with pytest.raises(ZeroDivisionError):
                load()
        else:
            load()
    (sent,) = [number for number, sql in enumerate(seen) if "read_parquet" in sql]
    assert sent < seen.index("begin transaction")
    assert place.rows(STAGED) == []


def test_a_connection_lost_at_any_statement_leaves_everything_as_it_was(place: Place) -> None:
    seen = lost_before = 0

    def losing(execute: Callable[[], Any], sql: str) -> Any:
        nonlocal seen
        seen += 1
        if lost_before and seen >= lost_before:
            raise duckdb.IOException("IO Error: s3cr3t-w0rd: the connection is lost")
        return execute()

    write(place)
    place.write(f"drop table {DATASET}.written")
    with watched(losing):
        write(place)
        statements = seen
        place.write(f"drop table {DATASET}.written")
        for step in range(1, statements):  # the last one comes after the commit
            seen, lost_before = 0, step
            with (
                pytest.raises(
                    WarehouseError, match=r"cannot be opened: |was left as it was: |the commit: "
                ) as lost,
                as_warehouse_error(place.warehouse(), Redactor(())),
            ):
                write(place)
            lost_before = 0
            assert "s3cr3t-w0rd" not in str(lost.value)
            assert ("the commit: " in str(lost.value)) == (step == statements - 1)
    assert place.present(["written"]) == []
    write(place)


@pytest.mark.slow
def test_killed_loads_leave_all_or_nothing_and_a_later_load_drops_what_they_staged(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "ECOM_WAREHOUSE": place.where, "PYTHONPATH": f"{os.environ['PYTHONPATH']}:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        for number in (4, 26):
            print(number, file=process.stdin, flush=True)
            assert process.stdout.readline() == "-9\n"
            assert place.tables() == {"written": [(1,)]}
        process.stdin.close()
    assert place.rows(STAGED)
    load_days(place.warehouse(0), 1, 1)
    assert place.table("orders")
    assert place.rows(STAGED)
    monkeypatch.setattr(staging, "_DAY", -1)
    with place.warehouse().transaction(DATASET):
        pass
    assert place.rows(STAGED) == []
