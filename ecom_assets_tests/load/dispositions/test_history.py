"""`merge` with the strategy `scd2`: a table keeps each state of a row, in whatever order windows are loaded."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest

from ecom_assets.load.checks.finding import CheckedTable, examine
from ecom_assets.load.checks.table import primary_key_unique, schema_nullability
from ecom_assets_tests.support.loads.dispositions import SCD2, WHOLE, Things, at, thing
from ecom_assets_tests.support.loads.dispositions import things as things
from ecom_assets_tests.support.warehouses.engines import before_each_load

UTC = timezone.utc
COLUMNS = "id, name, _dlt_valid_from, _dlt_valid_to"
PARTS = {
    "name": "parts",
    "rows_from": {"resource": "things", "path": "parts"},
    "include_from_parent": ["id"],
    "primary_key": ["thing", "no"],
    "columns": {"thing": {**WHOLE, "path": "_things_id"}, "no": WHOLE},
}


@pytest.fixture
def windows(things: Things) -> Things:
    """Return windowed things with history and delete detection."""
    things.declare(SCD2, windowed=True, deletes="sweep", max_deleted=1)
    return things


@pytest.fixture
def snapshots(things: Things) -> Things:
    """Return things with history that are read as a whole."""
    columns = {"id": WHOLE, "name": {"data_type": "text"}}
    things.declare(SCD2, windowed=False, columns=columns, schema_contract={"columns": "discard_value"})
    return things


def loaded_at(things: Things) -> list[datetime]:
    """Return when the readings of things ended, in order."""
    rows = things.rows("loaded_at", "load_ledger where resource = 'things'")
    return [instant.astimezone(UTC) for (instant,) in rows]


def test_each_state_is_valid_from_its_cursor_until_the_next_one(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(2, "x"))
    windows.load(thing(1, "b", day=2), thing(2, "x"), days=(1, 2))
    windows.load(thing(1, "c", day=2, hour=13), thing(2, "x"), days=(2,))
    history = [
        (1, "a", at(1), at(2)),
        (1, "b", at(2), at(2, 13)),
        (1, "c", at(2, 13), None),
        (2, "x", at(1), None),
    ]
    assert windows.rows(COLUMNS) == history
    windows.load(thing(1, "c", day=2, hour=13), thing(2, "x"), days=(1, 2))
    assert windows.rows(COLUMNS) == history


@pytest.mark.slow
def test_windows_in_any_order(windows: Things) -> None:
    states = [thing(1, "a"), thing(1, "b", day=2), thing(1, "a", day=3)]
    for order in permutations(range(3)):
        if windows.place.engine != "duckdb" and order not in ((1, 2, 0), (2, 0, 1)):
            continue
        key = 10 + sum(position * 3**step for position, step in enumerate(order))
        for position in order:
            windows.load({**states[position], "id": key}, days=(position + 1,))
        assert windows.rows("name, _dlt_valid_from, _dlt_valid_to", f"things where id = {key}") == [
            ("a", at(1), at(2)),
            ("a", at(3), None),
            ("b", at(2), at(3)),
        ]


def test_an_equal_cursor_replaces_the_state(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(1, "b", day=2), days=(1, 2))
    windows.load(thing(1, "A"), days=(1,))
    assert windows.rows(COLUMNS) == [(1, "A", at(1), at(2)), (1, "b", at(2), None)]


@pytest.mark.parametrize(("late", "other"), [(1, 2), (2, 1)])
def test_two_runs_at_once_are_like_one_after_the_other(windows: Things, late: int, other: int) -> None:
    states = {day: thing(1, f"day {day}", day=day) for day in (1, 2, 3)}
    windows.load(states[3], days=(3,))
    windows.load_late(
        states[late], days=(late,), meanwhile=lambda: windows.load(states[other], days=(other,))
    )
    assert windows.rows(COLUMNS) == [
        (1, "day 1", at(1), at(2)),
        (1, "day 2", at(2), at(3)),
        (1, "day 3", at(3), None),
    ]


def test_a_sweep_ends_states_and_a_new_state_begins_another(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(2, "x"))
    report = windows.sweep(thing(2, "x"))
    assert (report.live_before, report.newly_deleted) == (2, 1)
    assert windows.rows(COLUMNS) == [(1, "a", at(1), report.instant), (2, "x", at(1), None)]
    assert windows.sweep(thing(2, "x")).newly_deleted == 0
    day = (datetime.now(UTC) - at(1)).days + 400
    back = at(day)
    windows.load(thing(1, "b", day=day), days=(day,))
    assert windows.rows(COLUMNS) == [
        (1, "a", at(1), report.instant),
        (1, "b", back, None),
        (2, "x", at(1), None),
    ]


def test_a_record_that_is_back_in_the_same_state_has_a_second_row(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(2, "x"))
    gone = windows.sweep(thing(2, "x"))
    found = windows.sweep(thing(1, "a"), thing(2, "x"))
    assert found.returned == 1
    assert windows.rows(COLUMNS) == [
        (1, "a", at(1), gone.instant),
        (1, "a", found.instant, None),
        (2, "x", at(1), None),
    ]
    again = windows.sweep(thing(2, "x"))
    windows.load(thing(1, "A"), thing(2, "x"))
    assert windows.rows(COLUMNS) == [
        (1, "A", at(1), gone.instant),
        (1, "A", found.instant, again.instant),
        (1, "A", loaded_at(windows)[-1], None),
        (2, "x", at(1), None),
    ]
    windows.load(thing(1, "A"), thing(2, "x"))
    assert len(windows.rows(COLUMNS)) == 4
    # a state that was missed until now begins before the record went
    windows.load(thing(1, "b", day=2), days=(2,))
    assert [row[1:3] for row in windows.rows(COLUMNS)] == [
        ("A", at(1)),
        ("b", at(2)),
        ("b", found.instant),
        ("b", loaded_at(windows)[1]),
        ("x", at(1)),
    ]


def test_a_load_that_read_before_the_sweep_does_not_bring_a_record_back(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(2, "x"))
    windows.load_late(thing(1, "a"), thing(2, "x"), meanwhile=lambda: windows.sweep(thing(2, "x")))
    assert windows.rows("id, _dlt_valid_to is null") == [(1, False), (2, True)]


def test_a_sweep_leaves_what_a_load_wrote_meanwhile(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(2, "x"), thing(3, "y"))
    warehouse = before_each_load(
        windows.place.warehouse(), lambda: windows.load(thing(1, "b", day=2), days=(2,))
    )
    report = windows.sweep(thing(3, "y"), warehouse=warehouse)
    assert report.newly_deleted == 1
    assert windows.rows("id, name, _dlt_valid_to") == [
        (1, "a", at(2)),
        (1, "b", None),
        (2, "x", report.instant),
        (3, "y", None),
    ]


def test_a_snapshot_is_valid_from_its_reading(snapshots: Things) -> None:
    snapshots.load(thing(1, "a"), thing(2, "x"), thing(3, "y"))
    snapshots.load(thing(1, "b"), thing(2, "x"))
    snapshots.load(thing(1, "b"), thing(2, "x"))
    snapshots.load(thing(1, "b"), thing(2, "x"), thing(3, "y"))
    first, second, _, fourth = loaded_at(snapshots)
    assert snapshots.rows(COLUMNS) == [
        (1, "a", first, second),
        (1, "b", second, None),
        (2, "x", first, None),
        (3, "y", first, second),
        (3, "y", fourth, None),
    ]


def test_a_snapshot_that_commits_late_gets_its_place(snapshots: Things) -> None:
    snapshots.load(thing(1, "a"), thing(2, "x"), thing(3, "y"))
    snapshots.load_late(
        *(thing(1, "b"), thing(3, "y"), thing(4, "z")),
        meanwhile=lambda: snapshots.load(thing(1, "a"), thing(2, "x"), thing(4, "z")),
    )
    first, late, last = loaded_at(snapshots)
    assert snapshots.rows(COLUMNS) == [
        (1, "a", first, late),
        (1, "a", last, None),
        (1, "b", late, last),
        (2, "x", first, late),
        (2, "x", last, None),
        (3, "y", first, last),
        (4, "z", late, None),
    ]


def test_a_rejected_record_is_not_gone(snapshots: Things) -> None:
    snapshots.declare(
        SCD2,
        windowed=False,
        columns={"id": WHOLE, "name": {"data_type": "text"}, "size": {"data_type": "bigint"}},
        schema_contract={"columns": "discard_value"},
    )
    snapshots.load(thing(1, "a", size=1), thing(2, "x"), thing(3, "y"))
    snapshots.load(thing(1, "a", size="large"), thing(3, "y"))
    assert snapshots.rows("id, _dlt_valid_to is null") == [(1, True), (2, False), (3, True)]
    snapshots.load({"name": "no key"}, thing(1, "a", size=1))
    assert snapshots.rows("id, _dlt_valid_to is null") == [(1, True), (2, False), (3, True)]
    assert any("1 rejected records have no usable primary key" in line for line in snapshots.said)


def test_a_load_from_a_future_by_a_wrong_clock_is_corrected_by_the_next_one(snapshots: Things) -> None:
    snapshots.load(thing(1, "a"))
    snapshots.load(thing(1, "b"))
    later = "+ interval '1 year'"
    snapshots.place.write(
        f"update testshop.load_ledger set loaded_at = loaded_at {later} where loaded_at = "
        "(select max(loaded_at) from testshop.load_ledger)",
        f"update testshop.things set _dlt_valid_to = _dlt_valid_to {later} where _dlt_valid_to is not null",
        f"update testshop.things set _dlt_valid_from = _dlt_valid_from {later} where _dlt_valid_to is null",
    )
    began = datetime.now(UTC)
    snapshots.load(thing(1, "c"))
    first, second, third = loaded_at(snapshots)
    assert began + timedelta(days=300) < second < third, "the ledger has the loads in their order"
    ((end,),) = snapshots.rows("_dlt_valid_to", "things where name = 'a'")
    assert began < end < datetime.now(UTC)
    assert snapshots.rows(COLUMNS) == [(1, "a", first, end), (1, "c", end, None)]


def test_the_options_of_dlt(snapshots: Things) -> None:
    snapshots.declare(
        {
            **SCD2,
            "validity_column_names": ["valid_from", "valid_to"],
            "active_record_timestamp": "9999-12-31",
            "row_version_column_name": "version",
        },
        windowed=False,
        columns={"id": WHOLE, "name": {"data_type": "text"}, "version": WHOLE},
        schema_contract={"columns": "discard_value"},
    )
    end = datetime(9999, 12, 31, tzinfo=UTC)
    snapshots.load(thing(1, "a", version=1), thing(2, "x", version=1))
    snapshots.load(thing(1, "A", version=1), thing(2, "x", version=2))
    first, second = loaded_at(snapshots)
    assert snapshots.rows("id, name, version, valid_from, valid_to") == [
        (1, "a", 1, first, end),
        (2, "x", 1, first, second),
        (2, "x", 2, second, end),
    ]
    assert check(snapshots, primary_key_unique) == (True, "id is unique")


def check(things: Things, query: Any) -> tuple[bool, str]:
    """Return the result of a check of things."""
    with things.place.warehouse().read("testshop") as transaction:
        finding = examine(query, CheckedTable(transaction, things.shop, things.shop.resource("things")))
    return finding.passed, finding.description


def test_checks_count_rows_that_are_valid_now(windows: Things) -> None:
    windows.load(thing(1, "a"), thing(1, "b", day=2), days=(1, 2))
    assert check(windows, primary_key_unique) == (True, "id is unique")
    assert check(windows, schema_nullability) == (True, "5 declared columns are there, with their types")
    windows.place.write("update testshop.things set _dlt_valid_to = null")
    assert check(windows, primary_key_unique) == (False, "1 values of id are in more than one row")


@pytest.mark.parametrize("windowed", [True, False])
def test_nested_rows_are_those_of_the_state_that_is_valid_now(things: Things, windowed: bool) -> None:
    things.declare(SCD2, windowed=windowed, others=[PARTS])
    things.load(thing(1, "a", day=2, parts=[{"no": 1}, {"no": 2}]), days=(2,))
    things.load(thing(1, "b", day=3, parts=[{"no": 2}, {"no": 3}]), days=(3,))
    assert things.rows("thing, no", "parts") == [(1, 2), (1, 3)]
    if windowed:
        things.load(thing(1, "0", parts=[{"no": 9}]))
        assert things.rows("thing, no", "parts") == [(1, 2), (1, 3)]
    assert [name for _, name in things.rows()] == (["0", "a", "b"] if windowed else ["a", "b"])


def test_undeclared_fields_become_columns_of_the_states_that_have_them(windows: Things) -> None:
    windows.load(thing(1, "a"))
    windows.load(thing(1, "b", day=2, weight=3), days=(2,))
    windows.load(thing(1, "c", day=3), days=(3,))
    assert windows.rows("name, weight") == [("a", None), ("b", 3), ("c", None)]


@pytest.mark.parametrize("windowed", [True, False])
def test_a_table_of_another_disposition_becomes_a_history(things: Things, windowed: bool) -> None:
    columns = {
        "id": WHOLE,
        "name": {"data_type": "text"},
        "changed": {"data_type": "date", "nullable": False},
    }
    things.declare(None, windowed=windowed, columns=columns)
    things.load(thing(1, "a", hour=0), thing(2, "x", hour=0))
    things.declare(SCD2, windowed=windowed, columns=columns)
    things.load(thing(1, "b", day=2, hour=0), thing(2, "x", hour=0), days=(2,))
    first, second = (at(1, 0), at(2, 0)) if windowed else loaded_at(things)
    assert things.rows(COLUMNS) == [(1, "a", first, second), (1, "b", second, None), (2, "x", first, None)]
