"""`merge` without `incremental`: all records are read, rows are upserted, and rows that are gone stay."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.loads.dispositions import WHOLE, Things, thing
from ecom_assets_tests.support.loads.dispositions import things as things
from ecom_assets_tests.support.warehouses.engines import before_each_load

PARTS = {
    "name": "parts",
    "rows_from": {"resource": "things", "path": "parts"},
    "include_from_parent": ["id"],
    "primary_key": ["thing", "no"],
    "columns": {"thing": {**WHOLE, "path": "_things_id"}, "no": WHOLE},
}


@pytest.fixture(params=["merge", {"disposition": "merge", "strategy": "upsert"}], ids=["merge", "upsert"])
def merged(request: pytest.FixtureRequest, things: Things) -> Things:
    """Return things that are merged without a cursor."""
    things.declare(request.param, windowed=False)
    return things


def test_rows_are_upserted_and_rows_that_are_gone_stay(merged: Things) -> None:
    merged.load(thing(1, "a"), thing(2, "b"))
    assert merged.rows() == [(1, "a"), (2, "b")]
    merged.load(thing(2, "B"), thing(3, "c"))
    assert merged.rows() == [(1, "a"), (2, "B"), (3, "c")]
    merged.load(thing(2, "B"), thing(3, "c"))
    assert merged.rows() == [(1, "a"), (2, "B"), (3, "c")]
    merged.load()
    assert merged.rows() == [(1, "a"), (2, "B"), (3, "c")]


def test_each_row_says_which_load_brought_it(merged: Things) -> None:
    first = merged.load(thing(1, "a"), thing(2, "b")).resources["things"].load_id
    second = merged.load(thing(2, "b")).resources["things"].load_id
    assert merged.rows("id, _dlt_load_id") == [(1, first), (2, second)]
    assert merged.place.rows("select load_id from load_ledger where load_id = ?", [second]) == [(second,)]


def test_a_late_load_leaves_newer_rows_and_brings_those_that_are_gone_since(merged: Things) -> None:
    merged.load(thing(1, "old"), thing(2, "old"), thing(4, "old"))
    late = (thing(1, "late"), thing(2, "late"), thing(3, "late"), thing(4, "late"))
    merged.load_late(*late, meanwhile=lambda: merged.load(thing(1, "newest"), thing(4, "late")))
    assert merged.rows() == [(1, "newest"), (2, "late"), (3, "late"), (4, "late")]
    assert any("newer state of 2 records" in line for line in merged.said)


def test_nested_rows_go_with_the_state_of_their_record(things: Things) -> None:
    things.declare("merge", windowed=False, others=[PARTS])
    things.load(thing(1, "a", parts=[{"no": 1}, {"no": 2}]), thing(2, "b", parts=[{"no": 1}]))
    things.load(thing(1, "a", parts=[{"no": 2}]))
    assert things.rows("thing, no", "parts") == [(1, 2), (2, 1)]
    things.load_late(
        thing(1, "a", parts=[{"no": 7}]),
        thing(2, "b", parts=[{"no": 8}]),
        meanwhile=lambda: things.load(thing(1, "a", parts=[{"no": 3}])),
    )
    assert things.rows("thing, no", "parts") == [(1, 3), (2, 8)]


def test_a_sweep_marks_rows_that_are_gone(merged: Things) -> None:
    merged.declare("merge", windowed=False, deletes="sweep", max_deleted=0.9)
    merged.load(thing(1, "a"), thing(2, "b"), thing(3, "c"))
    report = merged.sweep(thing(1, "a"))
    assert (report.live_before, report.newly_deleted, report.returned) == (3, 2, 0)
    assert merged.rows("id, deleted_at") == [(1, None), (2, report.instant), (3, report.instant)]
    assert merged.sweep(thing(1, "a"), thing(2, "b")).returned == 1
    assert merged.rows("id, deleted_at is null") == [(1, True), (2, True), (3, False)]
    merged.load(thing(3, "c"))
    assert merged.rows("id, deleted_at is null") == [(1, True), (2, True), (3, True)]


def test_a_sweep_leaves_what_a_load_wrote_meanwhile(merged: Things) -> None:
    """The same contents, so that only the load's id tells that the row was written."""
    merged.declare("merge", windowed=False, deletes="sweep", max_deleted=0.9)
    merged.load(thing(1, "a"), thing(2, "b"), thing(3, "c"))
    warehouse = before_each_load(merged.place.warehouse(), lambda: merged.load(thing(1, "a"), thing(2, "b")))
    report = merged.sweep(thing(1, "a"), warehouse=warehouse)
    assert report.newly_deleted == 1
    assert merged.rows("id, deleted_at is null") == [(1, True), (2, True), (3, False)]


@pytest.mark.parametrize("before", ["replace", *slowly(["append", "merge"])])
@pytest.mark.parametrize("after", ["replace", "append", "merge"])
def test_a_declaration_can_change_to_another_disposition(things: Things, before: Any, after: Any) -> None:
    things.declare(before, windowed=False)
    things.load(thing(1, "a"), thing(2, "b"))
    things.declare(after, windowed=False)
    things.load(thing(2, "B"), thing(3, "c"))
    expected = {
        "replace": [(2, "B"), (3, "c")],
        "append": [(1, "a"), (2, "b"), (3, "c")],
        "merge": [(1, "a"), (2, "B"), (3, "c")],
    }
    assert things.rows() == expected[after]


def test_a_table_that_was_merged_by_windows_before(things: Things) -> None:
    for windowed, name in ((True, "a"), (False, "b"), (True, "c")):
        things.declare("merge", windowed=windowed)
        things.load(thing(1, name), thing(2, name))
        assert things.rows() == [(1, name), (2, name)]


def test_undeclared_fields_become_columns(merged: Things) -> None:
    merged.load(thing(1, "a"))
    merged.load(thing(1, "a", weight=3), thing(2, "b", columns_of_another={"x": "y"}))
    assert merged.rows("id, weight, columns_of_another__x") == [(1, 3, None), (2, None, "y")]
