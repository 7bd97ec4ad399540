"""Columns that concurrent runs add to a table keep their values and their types."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.sandbox.faults import REMOVED
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.races import ORDERS, WINDOWED, Clock, Race
from ecom_assets_tests.support.loads.races import calm as calm
from ecom_assets_tests.support.loads.races import race as race
from ecom_assets_tests.support.loads.races import sandbox as sandbox


def test_a_newer_state_keeps_the_columns_that_it_has(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 2)
    ((first,), (second,)) = race.rows("select id from orders order by id limit 2")

    def changed() -> None:
        Clock.now += timedelta(days=1)
        sandbox.faults.change(ORDERS, first, updated_at="2026-01-13T03:00:00Z", gift="yes")
        race.run(["orders"], 1)

    sandbox.faults.change(ORDERS, second, colour="red", note=REMOVED)
    race.run_late(["orders"], 2, changed)
    found = race.rows(f"select id, gift, colour from orders where id in ({first}, {second}) order by id")
    assert found == [(first, "yes", None), (second, None, "red")]


def test_a_column_that_another_run_added_keeps_its_type(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 2)
    ((first,), (second,), (third,)) = race.rows("select id from orders order by id limit 3")

    def changed() -> None:
        sandbox.faults.change(ORDERS, first, gift=2)
        race.run(["orders"], 2)

    # with a column of its own, the late run's schema is the newest one, and does not know the other column
    sandbox.faults.change(ORDERS, second, colour="red")
    race.run_late(["orders"], 2, changed)
    sandbox.faults.change(ORDERS, third, gift=2.75)
    race.run(["orders"], 2)
    assert race.rows("select id, gift, colour from orders where gift is not null or colour is not null") == [
        (first, 2, None),
        (second, None, "red"),
    ]
    assert race.rows("select reasons from rejected_rows") == [
        ("gift: 2.75 is not a whole number of 64 bits",)
    ]


VALUES = ["text", 2, 2.75, True, "2026-01-01T00:00:00Z", [1]]


@pytest.mark.parametrize(
    "before", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["tables exist", "first load"]
)
def test_a_column_that_two_runs_add_has_one_type(
    race: Race, calm: Race, sandbox: Running, before: bool
) -> None:
    if before:
        race.run(WINDOWED, 2)
        ((first,),) = race.rows("select id from orders order by id limit 1")
    else:
        race.run(["customers"], 2)
        calm.run(["orders"], 2)
        ((first,),) = calm.rows("select id from orders order by id limit 1")
    fields = {f"field_{number}": value for number, value in enumerate(VALUES)}

    def changed() -> None:
        race.run(["orders"], 2)

    # the same types in both are no hindrance, whatever they are
    sandbox.faults.change(ORDERS, first, **fields)
    race.run_late(["orders"], 2, changed)
    assert race.rows(f"select field_1, field_2 from orders where id = {first}") == [(2, 2.75)]

    def changed_again() -> None:
        sandbox.faults.change(ORDERS, first, gift=2)
        race.run(["orders"], 2)

    sandbox.faults.change(ORDERS, first, gift=2.75)
    kept = race.rows("select max(updated_at) from orders")
    with pytest.raises(
        WarehouseError, match="made the new column gift bigint while this one read it as double"
    ):
        race.run_late(["orders"], 2, changed_again)
    assert race.rows(f"select gift from orders where id = {first}") == [(2,)]
    assert race.rows("select max(updated_at) from orders") == kept
