"""The lock of a load into Redshift: it comes first, who waits, who is named, and who can read meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.emulators.redshift_stand_in import PASSWORD, StandIn
from ecom_assets_tests.support.warehouses.engines import Place

MAKE = "create table shop.rows_of_a_load (number bigint)"
COUNT = "select count(*) from shop.rows_of_a_load"


@pytest.fixture
def place(new_redshift: Callable[[], str]) -> Place:
    """Return a database with an empty table."""
    made = Place("redshift", new_redshift(), "shop")
    made.write(MAKE)
    return made


def test_the_lock_comes_before_the_first_query_of_a_transaction(place: Place, redshift: StandIn) -> None:
    redshift.statements.clear()
    place.write("insert into shop.rows_of_a_load (number) values (1)")
    sent = redshift.statements
    begin = sent.index("begin")
    assert sent[begin - 1] == "set statement_timeout to 5000"
    assert sent[begin + 1 : begin + 3] == ['lock table "shop"."_dlt_ecom_lock"', "reset statement_timeout"]
    assert sent[-1] == "commit"
    assert not [sql for sql in sent[:begin] if "rows_of_a_load" in sql]


def test_a_load_that_waited_sees_what_the_one_before_it_committed(place: Place) -> None:
    seen: list[int] = []
    lines: list[str] = []

    def second() -> None:
        with place.warehouse().transaction("shop", lines.append) as transaction:
            seen.append(transaction.fetch_value(COUNT))

    waiting = threading.Thread(target=second)
    with place.warehouse().transaction("shop") as transaction:
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
        transaction.execute("insert into shop.rows_of_a_load (number) values (1)")
    waiting.join(20)
    assert seen == [1]


def test_a_load_that_gives_up_names_the_holder_and_another_dataset_is_free(place: Place) -> None:
    lines: list[str] = []
    holder = (
        r"a load of the user postgres since \d\d:\d\d:\d\d UTC in session \d+ \(SELECT pg_terminate_backend"
    )
    with place.warehouse().transaction("shop"):
        with (
            pytest.raises(
                WarehouseError, match=rf"was held by {holder}.* for 0.2 s \(ECOM_LOCK_TIMEOUT\)"
            ) as no,
            place.warehouse(0.2).transaction("shop", lines.append),
        ):
            pass
        with place.warehouse(0.2).transaction("other") as transaction:
            assert transaction.fetch_value("select 1") == 1
    assert len(lines) <= 1
    assert PASSWORD not in "".join([str(no.value), *lines])
    with place.warehouse(0.2).transaction("shop"):
        pass


WAITS = """
import sys
from ecom_assets.warehouse.choice import named_warehouse
from ecom_assets.warehouse.redshift import lock
lock._GRACE = 0.1
with named_warehouse(sys.argv[1], "", {"ECOM_LOCK_TIMEOUT": "0.2"}).transaction("shop"):
    pass
"""


@pytest.mark.slow
def test_a_wait_that_the_server_does_not_end_is_canceled(
    place: Place, redshift: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redshift, "ignores_limits", True)
    with place.warehouse().transaction("shop"):
        # in another process: the driver lets no thread run while it cancels, and the stand-in is one
        done = subprocess.run(
            [sys.executable, "-c", WAITS, place.where], capture_output=True, text=True, timeout=30
        )
    assert "WarehouseError: the warehouse redshift://127.0.0.1" in done.stderr
    assert "was held by a load of the user postgres since" in done.stderr
    assert PASSWORD not in done.stderr


def test_readers_wait_for_nobody_and_see_one_state(place: Place) -> None:
    with place.warehouse().read("shop") as reader:
        assert reader.fetch_value(COUNT) == 0
        place.write("insert into shop.rows_of_a_load (number) values (1)")
        assert reader.fetch_value("select count(*) from rows_of_a_load") == 0
        # a query that fails ends the snapshot, and the next one reads on
        with pytest.raises(place.warehouse().driver_errors):
            reader.execute("select nothing from rows_of_a_load")
        assert reader.fetch_value(COUNT) == 1
        with place.warehouse().transaction("shop") as transaction:
            transaction.execute("delete from shop.rows_of_a_load")
            assert reader.fetch_value(COUNT) == 1
    assert place.rows(COUNT) == [(0,)]


def test_nobody_writes_while_reading(place: Place) -> None:
    with (
        pytest.raises(WarehouseError, match=r"cannot be read: .*read-only transaction"),
        place.warehouse().read("shop") as reader,
    ):
        reader.execute("delete from shop.rows_of_a_load")


def test_a_change_of_a_table_waits_no_longer_than_for_the_lock(place: Place) -> None:
    with place.warehouse().read("shop") as reader:
        assert reader.fetch_value(COUNT) == 0
        with (
            pytest.raises(
                place.warehouse().driver_errors, match=r"another session has the table for more than 0\.3 s"
            ),
            place.warehouse(0.3).transaction("shop") as transaction,
        ):
            transaction.execute('alter table "shop"."rows_of_a_load" add column more bigint')
    place.write('alter table "shop"."rows_of_a_load" add column more bigint')
    assert list(place.columns("rows_of_a_load")) == ["number", "more"]


def cut_off(place: Place) -> None:
    """End the session of a load in its transaction, and load into the same dataset."""
    with place.warehouse().transaction("shop") as holder:
        holder.execute("insert into shop.rows_of_a_load (number) values (1)")
        pid = holder.fetch_value("select pg_backend_pid()")
        with place.warehouse().read("shop") as other:
            other.execute("select pg_terminate_backend(?)", [pid])
        with place.warehouse(5).transaction("shop") as transaction:
            assert transaction.fetch_value(COUNT) == 0


def test_a_load_that_is_cut_off_frees_the_lock_and_leaves_nothing(place: Place) -> None:
    with pytest.raises(WarehouseError, match="was lost at the moment of the commit"):
        cut_off(place)
    assert place.rows(COUNT) == [(0,)]
