"""Two loads of one dataset at once: real transactions of DuckDB on the file that stands for MotherDuck."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.motherduck import lock
from ecom_assets.warehouse.motherduck.lock import HOLDER_TABLE
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.warehouses.engines import Place

OWN = rf"held by PID {os.getpid()} on "
HOLDERS = f"select holder from sandbox_ecom.{HOLDER_TABLE}"


@pytest.fixture
def place(new_motherduck: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(lock, "_PAUSE", 0.02)
    return Place("motherduck", new_motherduck())


@contextmanager
def in_a_thread(work: Callable[[], None]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(10)
    assert not thread.is_alive()


def test_a_load_waits_for_another_one_names_it_and_sees_what_it_wrote(place: Place) -> None:
    holding, waiting = threading.Event(), threading.Event()
    said: list[str] = []

    def hold() -> None:
        with place.warehouse().transaction("sandbox") as transaction:
            transaction.create_schema("sandbox")
            transaction.execute("create table sandbox.written as select 1 as number")
            holding.set()
            assert waiting.wait(10)

    def on_progress(line: str) -> None:
        said.append(line)
        waiting.set()

    with in_a_thread(hold):
        assert holding.wait(10)
        with place.warehouse().transaction("sandbox", on_progress) as transaction:
            assert transaction.fetch_value("select number from sandbox.written") == 1
    (line,) = said
    assert line.startswith("waiting for the warehouse md:place_")
    assert OWN.replace("\\", "") in line
    assert place.rows(HOLDERS) == [("",)]


def test_a_process_that_loaded_before_locks_again(place: Place) -> None:
    """DuckDB leaves out an update to the same value, and no other transaction gets into a conflict with it."""
    for _ in range(2):
        with (
            place.warehouse().transaction("sandbox"),
            pytest.raises(WarehouseError, match="was held by "),
            place.warehouse(0).transaction("sandbox"),
        ):
            pass


def test_a_load_gives_up_and_names_the_holder_and_not_a_killed_one(place: Place) -> None:
    with place.warehouse().transaction("sandbox"):
        pass
    connection = place.warehouse().connect(place.warehouse().address)  # type: ignore[attr-defined]
    connection.execute(f"update sandbox_ecom.{HOLDER_TABLE} set holder = 'PID 1 on gone'")
    connection.close()
    with (
        place.warehouse().transaction("sandbox"),
        pytest.raises(WarehouseError, match=rf"was {OWN}.* for 0\.1 s \(ECOM_LOCK_TIMEOUT\)") as waited,
        place.warehouse(0.1).transaction("sandbox"),
    ):
        pass
    assert "gone" not in str(waited.value)
    assert "s3cr3t-w0rd" not in str(waited.value)


def test_another_dataset_is_free(place: Place) -> None:
    with place.warehouse().transaction("sandbox"), place.warehouse(0).transaction("north"):
        pass


def fail(place: Place) -> None:
    with place.warehouse().transaction("sandbox") as transaction:
        transaction.execute("create schema sandbox")
        raise ZeroDivisionError


def test_a_failed_load_writes_nothing_and_frees_the_lock(place: Place) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(place)
    with place.warehouse(0).transaction("sandbox") as transaction:
        assert transaction.columns_of("sandbox") == {}
        assert not transaction.execute("from duckdb_schemas() where schema_name = 'sandbox'").fetchall()
    assert place.rows(HOLDERS) == [("",)]


def test_staging_comes_before_the_lock(place: Place) -> None:
    seen = []

    def stage(transaction: Transaction) -> None:
        with place.warehouse(0).transaction("sandbox") as other:
            other.execute("create schema if not exists sandbox")
            other.execute("create table sandbox.meanwhile (number integer)")
        seen.append(transaction)

    with place.warehouse().transaction("sandbox", stage=stage) as transaction:
        assert seen == [transaction]
        assert "meanwhile" in transaction.columns_of("sandbox")


def test_first_loads_at_once_lose_nothing(place: Place) -> None:
    together = threading.Barrier(4)

    def count(_: int) -> None:
        together.wait(10)
        for _ in range(2):
            with place.warehouse().transaction("sandbox") as transaction:
                transaction.execute("create schema if not exists sandbox")
                transaction.execute("create table if not exists sandbox.counted (number integer)")
                before = transaction.fetch_value("select count(*) from sandbox.counted")
                transaction.execute("insert into sandbox.counted values (?)", [before])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert place.rows("select number from counted order by 1") == [(number,) for number in range(8)]
