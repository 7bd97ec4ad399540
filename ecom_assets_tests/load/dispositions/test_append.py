"""`append`: rows of events are added, and no load, in whatever order, adds a row twice or loses one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.load.dispositions.cursor_ranges import merge_intervals, range_condition, subtract
from ecom_assets_tests.support.loads.dispositions import TEXT, Things, at, thing
from ecom_assets_tests.support.loads.dispositions import things as things
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
COLUMNS = {"name": TEXT, "changed": {"data_type": "timestamp", "nullable": False}}


@pytest.fixture(params=["with a key", "without a key"])
def events(request: pytest.FixtureRequest, things: Things) -> Things:
    """Return windowed things that are appended."""
    keys: dict[str, Any] = {} if request.param == "with a key" else {"primary_key": [], "columns": COLUMNS}
    things.declare("append", windowed=True, schema_contract={"columns": "discard_value"}, **keys)
    return things


def names(things: Things) -> list[str]:
    """Return the names of all rows, sorted."""
    return [name for (name,) in things.rows("name")]


def test_a_window_that_is_loaded_again_replaces_its_rows(events: Things) -> None:
    events.load(thing(1, "a"), thing(2, "b", day=2), thing(3, "c", day=3), days=(1, 2, 3))
    assert names(events) == ["a", "b", "c"]
    again = (thing(2, "b", day=2), thing(4, "d", day=2, hour=0), thing(5, "e", day=2, hour=23))
    events.load(*again, days=(2,))
    events.load(*again, days=(2,))
    assert names(events) == ["a", "b", "c", "d", "e"]
    events.load(days=(2,))
    assert names(events) == ["a", "c"]


@pytest.mark.slow
def test_windows_in_any_order(events: Things) -> None:
    records = [thing(number, f"{number}", day=number) for number in range(1, 6)]
    for day in (4, 1, 5, 2, 1, 3, 4):
        events.load(*records, days=(day,))
    assert names(events) == ["1", "2", "3", "4", "5"]


def test_a_late_load_leaves_a_window_that_was_read_later(events: Things) -> None:
    """The late run read the window of day 2 before the others came, and is the only one to have read day 1."""
    early = [thing(1, "a"), thing(2, "b", day=2)]
    late = [*early, thing(3, "c", day=2)]
    events.load_late(*early, days=(1, 2), meanwhile=lambda: events.load(*late, days=(2,)))
    assert names(events) == ["a", "b", "c"]
    events.load(*late, days=(1, 2))
    assert names(events) == ["a", "b", "c"]


def test_two_loads_of_different_windows_at_once(events: Things) -> None:
    records = [thing(1, "a"), thing(2, "b", day=2)]
    events.load_late(*records, days=(1,), meanwhile=lambda: events.load(*records, days=(2,)))
    assert names(events) == ["a", "b"]


def test_equal_records_without_a_key_are_several_rows(things: Things) -> None:
    things.declare("append", windowed=True, primary_key=[], columns=COLUMNS)
    same = {"name": "a", "changed": at(1).isoformat()}
    report = things.load(same, same, same)
    things.load(same, same, same)
    assert names(things) == ["a", "a", "a"]
    assert report.resources["things"].windows[0].kept == 3


def test_a_key_that_is_there_already_is_not_added_again(things: Things) -> None:
    """An event that is reported again, with another instant, in a window that is loaded later."""
    things.declare("append", windowed=True)
    things.load(thing(1, "first"), days=(1,))
    things.load(thing(1, "again", day=2), thing(2, "new", day=2), days=(2,))
    assert things.rows() == [(1, "first"), (2, "new")]
    things.load(thing(1, "first", hour=13), days=(1,))
    assert things.rows("id, name, changed") == [(1, "first", at(1, 13)), (2, "new", at(2))]


@pytest.mark.parametrize("keys", [{}, {"primary_key": ["id", "name"]}], ids=["one column", "two columns"])
def test_without_windows_only_new_keys_are_added(things: Things, keys: dict[str, Any]) -> None:
    columns = {**things_columns(things), "name": {"data_type": "text", "nullable": False}}
    things.declare("append", windowed=False, columns=columns, **keys)
    things.load(thing(1, "a"), thing(2, "b"))
    things.load(thing(1, "a", day=9), thing(3, "c"))
    things.load_late(
        thing(1, "a"), thing(4, "d"), meanwhile=lambda: things.load(thing(4, "d"), thing(5, "e"))
    )
    assert things.rows() == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]
    assert things.rows("changed") == [(at(1),)] * 5


def things_columns(things: Things) -> dict[str, Any]:
    """Return the declared columns that things have by default."""
    return {"id": {"data_type": "bigint", "nullable": False}, **COLUMNS}


@pytest.mark.slow
@pytest.mark.parametrize("before", ["merge", "append"])
@pytest.mark.parametrize("after", ["merge", "append"])
def test_a_windowed_table_can_change_its_disposition(things: Things, before: str, after: str) -> None:
    things.declare(before, windowed=True)
    things.load(thing(1, "a"), thing(2, "b", day=2), days=(1, 2))
    things.declare(after, windowed=True)
    things.load(thing(2, "B", day=2), thing(3, "c", day=2), days=(2,))
    assert things.rows() == [(1, "a"), (2, "B"), (3, "c")]


def test_intervals() -> None:
    assert merge_intervals([(at(3), at(4)), (at(1), at(2)), (at(2), at(3)), (at(6), at(7))]) == [
        (at(1), at(4)),
        (at(6), at(7)),
    ]
    assert subtract([(at(1), at(9))], [(at(2), at(3)), (at(5), at(6))]) == [
        (at(1), at(2)),
        (at(3), at(5)),
        (at(6), at(9)),
    ]
    assert subtract([(at(1), at(2)), (at(4), at(6))], [(at(1), at(5))]) == [(at(5), at(6))]
    assert subtract([(at(1), at(2))], []) == [(at(1), at(2))]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("data_type", "inside", "outside"),
    [
        ("bigint", [1_767_225_600, 1_767_311_999], [1_767_225_599, 1_767_312_000]),
        ("bigint", [1_767_225_600_000, 1_767_311_999_999], [1_767_225_599_999, 1_767_312_000_000]),
        ("bigint", [], [0, -1, 2**63 - 1, -(2**63)]),
        (
            "timestamp",
            ["2026-01-01T00:00:00Z", "2026-01-01T23:59:59.999999Z"],
            ["2025-12-31T23:59:59Z", "2026-01-02T00:00:00Z"],
        ),
    ],
)
def test_rows_are_found_by_their_cursor(
    place: Place, zone: str, data_type: str, inside: list[Any], outside: list[Any]
) -> None:
    place.write("select 1")
    shop = shop_with_cursor(data_type, zone)
    kind = place.type_of(data_type=data_type)
    condition, parameters = range_condition(shop, shop.resource("things"), [(at(1, 0), at(2, 0))])
    for value, expected in [*((value, True) for value in inside), *((value, False) for value in outside)]:
        sql = f"select {condition} from (select cast(? as {kind}) as at) as rows"
        # the parameters of the condition come first
        assert place.rows(sql, [*parameters, str(value)]) == [(expected,)], value


@pytest.mark.parametrize(
    ("zone", "days"),
    [("UTC", ["2026-01-01"]), ("America/New_York", ["2026-01-01"]), ("Pacific/Auckland", ["2026-01-02"])],
)
def test_days_are_found_by_their_midnight(place: Place, zone: str, days: list[str]) -> None:
    place.write("select 1")
    shop = shop_with_cursor("date", zone)
    condition, parameters = range_condition(shop, shop.resource("things"), [(at(1, 0), at(2, 0))])
    first = datetime(2025, 12, 28).date()
    dates = ", ".join(f"(cast('{first + timedelta(days=step)}' as date))" for step in range(9))
    found = place.rows(
        f'select cast("at" as varchar) from (values {dates}) as rows ("at") where {condition}', parameters
    )
    assert [day for (day,) in found] == days


def shop_with_cursor(data_type: str, zone: str) -> Shop:
    """Return a shop whose things have a cursor `at` of a type."""
    incremental = {"cursor_path": "at", "start_param": "from", "timezone": zone}
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "write_disposition": "append",
                    "endpoint": {"path": "x", "incremental": incremental},
                    "columns": {"at": {"data_type": data_type, "nullable": False}},
                }
            ],
        }
    )
