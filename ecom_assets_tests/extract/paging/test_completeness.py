"""Which pages are a complete list, and what that costs: cursors from before the first page, or a second reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.declaration.reading import Incremental
from ecom_assets.extract.paging.completeness import SliceLimits
from ecom_assets.extract.paging.paginator import MAX_RESTARTS
from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=timezone.utc)
TOTAL = {"type": "offset", "limit": 3, "total_path": "total"}
NO_TOTAL = {"type": "offset", "limit": 3}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "after", "total_path": "total"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here; each one brings its own rows."""
    with serving() as running:
        yield running


class Rows:
    """Rows by offset, or after an id; `before` is called with the number of each request, `headers` are answered."""

    def __init__(self, loopback: Loopback, ages: list[Any], **headers: str) -> None:
        self.rows: list[Row] = [
            {"id": number, "n": 0, "updated_at": at(age)} for number, age in enumerate(ages)
        ]
        self.headers = {"Date": format_datetime(NOW, usegmt=True)} | headers
        self.before: Callable[[int], None] = lambda request: None
        self.delay = 0.0
        self.requests = 0
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer with three rows, or fewer where so few are asked for."""
        self.before(self.requests)
        self.requests += 1
        query = dict(seen.query)
        after = int(query.get("after", -1))
        rows = [row for row in self.rows if row["id"] > after][int(query.get("offset", 0)) :]
        reply = json_reply(
            {
                "data": rows[: int(query.get("limit", 3))],
                "total": len(self.rows),
                "next": rows[2]["id"] if len(rows) > 3 else None,
            }
        )
        return Reply(200, reply.body, reply.headers | self.headers, delay=self.delay)

    def change(self, number: int, age: Any = 0) -> None:
        """Change a row where it stands, and its cursor with it."""
        row = self.rows[number]
        self.rows[number] = row | {"n": row["n"] + 1, "updated_at": at(age)}


def at(age: Any) -> Any:
    """Return the instant so many seconds ago as ISO 8601; what is no number stays."""
    return (NOW - timedelta(seconds=age)).isoformat() if isinstance(age, (int, float)) else age


def read(
    loopback: Loopback, paginator: dict[str, Any], **incremental: Any
) -> tuple[list[Row], SliceStatistics]:
    """Read the rows of a window that closed a minute ago, or of a snapshot."""
    if not incremental:
        return read_slice(loopback, paginator)
    end = incremental.pop("end", NOW - timedelta(minutes=1))
    declared = {"cursor_path": "updated_at", "server_filter": False} | incremental
    return read_slice(
        loopback, paginator, limits=SliceLimits(None, end), incremental=Incremental.model_validate(declared)
    )


WINDOW = {"timezone": "UTC"}


def test_rows_that_change_in_place_before_and_behind_are_noticed(loopback: Loopback) -> None:
    rows = Rows(loopback, [100] * 6)

    def before(request: int) -> None:
        if request == 1:
            rows.change(0)
            rows.change(5)

    rows.before = before
    records, reading = read(loopback, TOTAL)
    assert records == rows.rows
    assert (reading.restarts, reading.requests) == (1, 9)


def test_a_list_that_changes_in_place_all_the_time_fails(loopback: Loopback) -> None:
    rows = Rows(loopback, [100] * 6)
    rows.before = lambda request: rows.change(request % 3)
    message = rf"^things: \d of 6 records differ between two readings in a row, such as \d: .* {MAX_RESTARTS} restarts$"
    with pytest.raises(IncompleteSlice, match=message):
        read(loopback, TOTAL)


@pytest.mark.parametrize("paginator", [TOTAL, CURSOR, NO_TOTAL])
def test_cursors_from_before_the_first_page_need_no_second_reading(
    loopback: Loopback, paginator: dict[str, Any]
) -> None:
    rows = Rows(loopback, [90, 100, 110, 120, 130])
    records, reading = read(loopback, paginator, **WINDOW)
    # without a total, two pages behind the end have to be empty if the last page is full
    assert (records, reading.requests) == (rows.rows, 5 if paginator is NO_TOTAL else 2)


@pytest.mark.parametrize(
    ("ages", "incremental"),
    [
        pytest.param([90, 100, 110, 120, 0], WINDOW, id="one is of the second of the first page"),
        pytest.param([90, 100, 110, 120, None], WINDOW, id="one has none"),
        pytest.param([90, 100, 110, 120, "soon"], WINDOW, id="one is no instant"),
        pytest.param([60] * 5, WINDOW, id="all are whole minutes"),
        pytest.param([3600] * 5, WINDOW, id="all are whole hours"),
        pytest.param(["2026-03-05"] * 5, WINDOW, id="all are days"),
        pytest.param(["2026-03-05"] * 5, {"timezone": "Asia/Kolkata"}, id="all are days of a zone"),
    ],
)
def test_cursors_that_may_be_of_now_need_one(
    loopback: Loopback, ages: list[Any], incremental: dict[str, Any]
) -> None:
    rows = Rows(loopback, ages)
    records, reading = read(loopback, TOTAL, **incremental)
    assert (records, reading.requests, reading.restarts) == (rows.rows, 4, 0)


def test_a_window_that_is_open_needs_one_where_no_total_is_told(loopback: Loopback) -> None:
    rows = Rows(loopback, [90, 100, 110, 120, 130])

    def before(request: int) -> None:
        # in an open window a row that was read may change where it stands, and a later one go after that
        if request == 1:
            rows.change(0)
            del rows.rows[4]

    rows.before = before
    records, reading = read(loopback, NO_TOTAL, end=NOW + timedelta(minutes=1))
    assert (records, reading.restarts) == (rows.rows, 1)


def test_pages_of_one_row_do_not_overlap_and_need_one(loopback: Loopback) -> None:
    rows = Rows(loopback, [90, 100, 110])

    def before(request: int) -> None:
        if request == 1:
            del rows.rows[0]  # and the second row is never read

    rows.before = before
    records, reading = read(loopback, {"type": "offset", "limit": 1}, **WINDOW)
    assert (records, reading.restarts) == (rows.rows, 1)


def test_without_a_date_the_clock_of_this_machine_counts(loopback: Loopback) -> None:
    now = datetime.now(timezone.utc)
    for age, requests in ((100, 2), (-100, 4)):
        recent = (now - timedelta(seconds=age)).isoformat()
        Rows(loopback, [recent] * 5, Date="")
        assert read(loopback, TOTAL, **WINDOW)[1].requests == requests


def test_a_date_is_taken_for_as_early_as_the_answer_was_asked_for(loopback: Loopback) -> None:
    rows = Rows(loopback, [100] * 5)
    rows.delay = 1.1

    def before(request: int) -> None:
        # behind the first look at the rows, before its date
        if request == 1:
            rows.change(4, 0.9)
            rows.delay = 0.0

    rows.before = before
    records, reading = read(loopback, TOTAL, **WINDOW)
    assert (records, reading.requests) == (rows.rows, 4)


def test_of_two_states_of_a_record_the_one_with_the_later_cursor_stays(loopback: Loopback) -> None:
    for first, second, expected in (
        ("2026-03-05T11:00:00Z", "2026-03-05T10:00:00Z", 1),
        ("2026-03-05T10:00:00Z", "2026-03-05T11:00:00Z", 2),
        ("2026-03-05T12:30:00+02:00", "2026-03-05T11:00:00Z", 2),
        ("2026-03-05T11:00:00Z", "2026-03-05T11:00:00Z", 2),
        ("2026-03-05T11:00:00Z", None, 2),
    ):
        pages = [
            {"data": [{"id": 1, "n": 1, "updated_at": first}], "total": 2, "next": "a"},
            {"data": [{"id": 2}, {"id": 1, "n": 2, "updated_at": second}], "total": 2},
        ]
        loopback.answering = lambda seen, pages=pages: json_reply(pages[len(dict(seen.query)) - 1])
        records, _ = read(loopback, CURSOR, **WINDOW)
        assert {record["id"]: record.get("n") for record in records} == {1: expected, 2: None}


def test_a_row_that_goes_behind_does_not_disturb_links_of_unchanged_records(loopback: Loopback) -> None:
    rows = Rows(loopback, [90, 100, 110, 120, 130])
    at_first = list(rows.rows)

    def before(request: int) -> None:
        if request == 1:
            del rows.rows[0]

    rows.before = before
    records, reading = read(loopback, CURSOR, **WINDOW)
    assert (records, reading.requests, reading.restarts, reading.source_total) == (at_first, 2, 0, 5)


@pytest.mark.parametrize("value", [1, 2**70, 0.1, None])
def test_the_order_of_the_fields_is_no_difference(loopback: Loopback, value: Any) -> None:
    rows = Rows(loopback, [100] * 4)
    rows.rows[0]["value"] = value

    def before(request: int) -> None:
        if request == 2:
            rows.rows = [dict(reversed(row.items())) for row in rows.rows]

    rows.before = before
    assert read(loopback, TOTAL)[1].restarts == 0


def test_a_total_that_falls_is_noticed_at_once(loopback: Loopback) -> None:
    rows = Rows(loopback, [90, 95, 100, 105, 110, 115, 120])

    def before(request: int) -> None:
        if request == 1:
            rows.rows.pop()

    rows.before = before
    records, reading = read(loopback, TOTAL, **WINDOW)
    assert (records, reading.requests, reading.restarts) == (rows.rows, 5, 1)


def test_what_lies_behind_the_window_may_change_all_the_time(loopback: Loopback) -> None:
    rows = Rows(loopback, [100, 90, 80, 10, 5, 1])
    rows.before = lambda request: rows.change(4)
    declared = Incremental.model_validate({"cursor_path": "updated_at", "server_filter": False})
    limits = SliceLimits(NOW - timedelta(seconds=6), None)
    _, reading = read_slice(loopback, NO_TOTAL, limits=limits, incremental=declared)
    assert reading.restarts == 0
    with pytest.raises(IncompleteSlice, match=f"such as 4: .* after {MAX_RESTARTS} restarts"):
        read_slice(loopback, NO_TOTAL, incremental=declared)


def test_fields_that_are_not_loaded_may_differ(loopback: Loopback) -> None:
    rows = Rows(loopback, [100] * 5)

    def before(request: int) -> None:
        rows.rows = [row | {"answered": request} for row in rows.rows]

    rows.before = before
    with pytest.raises(IncompleteSlice, match="5 of 5 records differ"):
        read(loopback, TOTAL)
    _, reading = read_slice(loopback, TOTAL, columns="discard_value")
    assert (reading.requests, reading.restarts) == (4, 0)
