"""Loads at the same time: the one that commits later is refused, and begins again within the lock timeout."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.load.trial.loads import DATASET, load_days
from ecom_assets.load.trial.trial import _Broken, _Trial
from ecom_assets.warehouse.databricks.connection import Connection
from ecom_assets.warehouse.databricks.errors import is_conflict
from ecom_assets.warehouse.errors import Overtaken
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.emulators.databricks_driver import RequestError, ServerOperationError
from ecom_assets_tests.support.warehouses.engines import Place

CONFLICT = "[DELTA_CONCURRENT_APPEND.ROW_LEVEL_CHANGES] Transaction conflict detected. SQLSTATE: 2D521"
AT_ONCE = 4


@pytest.fixture
def place(new_databricks: Callable[[], str]) -> Place:
    """Return a catalog with a table of one row."""
    made = Place("databricks", new_databricks(), "shop")

    def first(transaction: Transaction) -> None:
        transaction.make_table("shop", "counts", {"n": "BIGINT"}, ())
        transaction.execute("insert into shop.counts select 0")

    made.warehouse().write("shop", first)
    return made


def add_one(transaction: Transaction) -> int:
    """Read the number, and write the next one."""
    number: int = transaction.fetch_value("select n from shop.counts")
    transaction.execute("update shop.counts set n = ?", [number + 1])
    return number + 1


def test_loads_at_once_lose_nothing(place: Place) -> None:
    together = threading.Barrier(AT_ONCE)
    results: list[int] = []
    said: list[str] = []

    def load() -> None:
        def work(transaction: Transaction) -> int:
            if not transaction.is_rehearsal and not together.broken:
                with contextlib.suppress(threading.BrokenBarrierError):
                    together.wait(5)
                together.abort()
            return add_one(transaction)

        results.append(place.warehouse().write("shop", work, said.append))

    threads = [threading.Thread(target=load) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 2, 3, 4]
    assert place.rows("select n from counts") == [(4,)]
    assert len(said) >= AT_ONCE - 1
    assert all("has committed first: this load begins again" in line for line in said)


def test_a_load_that_is_overtaken_begins_again_and_names_the_other_one(place: Place) -> None:
    said: list[str] = []
    calls: list[bool] = []

    def work(transaction: Transaction) -> int:
        calls.append(transaction.is_rehearsal)
        if calls == [True, False]:
            place.warehouse().write("shop", add_one)
        return add_one(transaction)

    assert place.warehouse().write("shop", work, said.append) == 2
    assert calls == [True, False] * 2
    (line,) = said
    assert line.startswith("the warehouse databricks://shop.cloud.databricks.com/shop_")
    assert " was left as it was: PID " in line
    assert line.endswith(" has committed first: this load begins again")


def test_a_load_that_is_overtaken_for_too_long_gives_up(place: Place) -> None:
    def work(transaction: Transaction) -> None:
        if not transaction.is_rehearsal:
            place.warehouse().write("shop", add_one)

    for timeout in (0, 0.3):
        with pytest.raises(
            WarehouseError, match=rf"for {timeout:g} s \(ECOM_LOCK_TIMEOUT\): start the load again"
        ):
            place.warehouse(timeout).write("shop", work)


def test_a_transaction_that_is_overtaken_writes_nothing(place: Place) -> None:
    def overtaken() -> None:
        with place.warehouse().transaction("shop") as transaction:
            place.warehouse().write("shop", add_one)
            transaction.execute("insert into shop.counts select 7")

    with pytest.raises(
        Overtaken, match=r"was left as it was: PID .* has committed first; start this again$"
    ) as refused:
        overtaken()
    assert refused.value.__context__ is None
    assert place.rows("select n from counts") == [(1,)]


@pytest.mark.parametrize("at", ["update `shop`.`_dlt_ecom_lock`", "UPDATE `shop`.`counts`"])
def test_a_conflict_at_a_statement_is_one_as_well(
    place: Place, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = [CONFLICT]
    fail(
        monkeypatch,
        lambda sql: ServerOperationError(conflicts.pop()) if sql.startswith(at) and conflicts else None,
    )
    assert place.warehouse().write("shop", add_one) == 1
    assert conflicts == []


@pytest.mark.parametrize(
    "text",
    [
        "[DELTA_CONCURRENT_DELETE_DELETE] Transaction conflict detected",
        "[DELTA_METADATA_CHANGED] MetadataChangedException",
        "com.databricks.sql.transaction.tahoe.ConcurrentAppendException: Files were added",
        "[SOMETHING_NEW] Transaction conflict detected. SQLSTATE: 2D521",
        "could not serialize. SQLSTATE: 40001",
    ],
)
def test_conflicts_are_known_by_their_names_and_classes(text: str) -> None:
    assert is_conflict(ServerOperationError(text))
    assert not is_conflict(ServerOperationError("[TABLE_OR_VIEW_NOT_FOUND] SQLSTATE: 42P01"))
    assert not is_conflict(ValueError(text))


def test_another_error_is_no_conflict(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    fail(
        monkeypatch,
        lambda sql: ServerOperationError("[DIVIDE_BY_ZERO]") if sql.startswith("UPDATE") else None,
    )
    with pytest.raises(ServerOperationError, match="DIVIDE_BY_ZERO"):
        place.warehouse().write("shop", add_one, said.append)
    assert said == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServerOperationError("[INTERNAL_ERROR] no s3cr3t-w0rd"), r"was left as it was: \[INTERNAL_ERROR\]"),
        (
            RequestError("no answer for s3cr3t-w0rd"),
            "at the moment of the commit: no answer .*its ledger says",
        ),
        # the driver has sent the commit again, and the first one had succeeded
        (
            ServerOperationError("[NO_ACTIVE_TRANSACTION] SQLSTATE: 25000"),
            "at the moment of the commit: .*its ledger",
        ),
    ],
)
def test_a_commit_is_refused_or_nobody_knows(
    place: Place, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, lambda sql: error if sql == "commit" else None)
    with pytest.raises(WarehouseError, match=said) as failed:
        place.warehouse().write("shop", add_one)
    assert "s3cr3t" not in str(failed.value)
    monkeypatch.undo()
    assert place.rows("select n from counts") == [(0,)]


def fail(patch: pytest.MonkeyPatch, failure: Callable[[str], Exception | None]) -> None:
    """Let statements fail before they are run."""
    from ecom_assets.warehouse.databricks import connection

    real = connection._run

    def run(session: Any, sql: str, parameters: Any) -> Any:
        if error := failure(sql):
            session.abort()
            raise error
        return real(session, sql, parameters)

    patch.setattr(connection, "_run", run)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("create schema", "[SCHEMA_ALREADY_EXISTS] SQLSTATE: 42P06"),
        ("create table", "[TABLE_OR_VIEW_ALREADY_EXISTS] SQLSTATE: 42P07"),
        ("create table", "[DELTA_PROTOCOL_CHANGED.WRITE_TO_EMPTY_DIRECTORY] SQLSTATE: 2D521"),
        ("alter table", "[DELTA_METADATA_CHANGED] SQLSTATE: 2D521"),
    ],
)
def test_what_another_load_makes_at_the_same_moment_is_made_again(
    place: Place, statement: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecom_assets.warehouse.databricks.connection._PAUSE", 0.001)

    def make(dataset: str, *columns: str) -> None:
        types = dict.fromkeys(columns, "BIGINT")
        place.warehouse().write(dataset, lambda made: made.make_table(dataset, "counts", types, ()))

    left = [text] * 3
    fail(
        monkeypatch,
        lambda sql: ServerOperationError(left.pop()) if sql.startswith(statement) and left else None,
    )
    make("first", "n")
    make("first", "n", "more")
    assert left == []
    assert list(replace(place, dataset="first").columns("counts")) == ["n", "more"]

    make("second", "n")
    left[:] = [text] * 9
    with pytest.raises(ServerOperationError):
        make("second" if statement == "alter table" else "third", "more")
    assert len(left) == 5


@pytest.mark.slow
def test_the_trial_of_a_warehouse_lets_one_load_overtake_another(
    new_databricks: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("databricks", new_databricks(), DATASET)
    load_days(place.warehouse(), 0, 1)

    def in_this_process(first_day: int, days: int) -> Any:
        load_days(place.warehouse(), first_day, days)
        return SimpleNamespace(wait=lambda _: True, is_complete=lambda: True)

    monkeypatch.setattr("ecom_assets.load.trial.trial.LoadProcess", in_this_process)
    trial = _Trial(place.warehouse(), lambda _: None, None)
    assert trial.overtaken_load() == "it was refused at its commit, and the other one is complete"
    assert place.rows(f"select count(*) from {LEDGER_TABLE}")[0][0] > 0

    # a warehouse that notices nothing fails the step
    monkeypatch.setattr("ecom_assets.warehouse.databricks.warehouse.begin_with_lock", Connection.begin)
    with pytest.raises(_Broken, match="were both committed"):
        trial.overtaken_load()
