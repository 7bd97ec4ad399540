"""A backfill joins closed windows: few requests, every record in its window once, and no trust in long intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.slices import Slice, halves_of, join_slices
from ecom_assets.extract.slicing.joining import slices_needed
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.examples import examples, slowly
from ecom_assets_tests.support.servers.days_api import DAY, START, DaysApi
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

NewPlace = Callable[[], Place]
CONSTANT = 10
"""Requests that count windows, and those that show that the API honours long intervals."""


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as found:
        yield found


class Backfill:
    """Loads the first days of an API, and looks at what is in the warehouse."""

    def __init__(self, server: Loopback, new_place: NewPlace, api: DaysApi, days: int, **shop: Any) -> None:
        place = new_place()
        self.place = Place(place.engine, place.where, "testshop")
        self.api, self.days = api, days
        self.lines: list[str] = []
        self.shop = api.shop(server.base_url, **shop)

    def load(self) -> RunReport:
        """Load the days in one run."""
        windows = self.api.windows(self.days)
        self.api.asked.clear()
        return run_load(
            self.shop, ["orders"], windows, warehouse=self.place.warehouse(), progress=self.lines.append
        )

    def check(self, missing: tuple[str, ...] = ()) -> None:
        """Check that each window has its records once, and that the ledger adds up."""
        wanted = Counter({str((START + day * DAY).date()): 0 for day in range(self.days)})
        wanted.update(order["at"][:10] for order in self.api.orders if order["at"][:10] in wanted)
        kept = {day: count for day, count in wanted.items() if day not in missing}
        ledger = self.place.rows(
            "select partition_key, fetched, kept, source_total, confirmed_by from load_ledger "
            "order by partition_key"
        )
        assert ledger == [(day, count, count, count, "total") for day, count in sorted(kept.items())]
        found = self.place.rows("select id from orders order by id")
        assert found == [(order["id"],) for order in self.api.orders if order["at"][:10] in kept]

    @property
    def counted(self) -> int:
        """Return the number of requests in the ledger."""
        return int(self.place.rows("select sum(requests) from load_ledger")[0][0])

    @property
    def most(self) -> float:
        """Return how many requests a backfill may take. Pages by offset overlap by one record."""
        pages = math.ceil(len(self.api.orders) / max(self.api.page - 1, 1))
        return 1.1 * pages + self.shop.policy.concurrency + CONSTANT


@given(
    st.lists(st.sampled_from([0, 0, 0, 1, 3, 30]), min_size=8, max_size=60),
    st.sampled_from([3, 10]),
    st.integers(1, 4),
)
@examples(0.3)
def test_any_distribution_of_records_lands_in_its_windows_with_few_requests(
    counts: list[int], page: int, workers: int
) -> None:
    with serving() as server, TemporaryDirectory() as folder:
        api = DaysApi(server, dict(enumerate(counts)), page)
        place = Place("duckdb", f"{folder}/w.duckdb")
        backfill = Backfill(server, lambda: place, api, len(counts), concurrency=workers)
        assert backfill.load().errors == {}
        backfill.check()
        # without any record, the filter is compared with the list without it, which is no part of a window
        assert len(api.asked) <= backfill.counted <= len(api.asked) + api.unfiltered
        assert len(api.asked) + api.unfiltered <= backfill.most


@given(st.floats(0, 10_000), st.integers(1, 64))
def test_slices_keep_every_worker_busy_and_cost_little(pages: float, workers: int) -> None:
    number = slices_needed(pages, workers, 12)
    assert number <= max(2, pages / 12 + workers)
    assert number * 12 >= pages
    assert pages < 2 * workers or number % workers == 0 or number == 2


@given(st.integers(2, 40), st.integers(0, 2))
def test_halves_have_the_windows_of_the_whole(days: int, lookback: int) -> None:
    back = timedelta(hours=lookback)
    parts = [
        Slice(
            f"orders/{(START + day * DAY).date()}",
            DaysApi.windows(None, days)[day : day + 1],  # type: ignore[arg-type]
            START + day * DAY - (timedelta() if day else back),
            START + (day + 1) * DAY,
            back,
        )
        for day in range(days)
    ]
    pending, leaves = [join_slices(parts, 9)], []
    while pending:
        part = pending.pop(0)
        if part.is_joined:
            pending[:0] = halves_of(part)
        else:
            leaves.append(part)
    assert [(part.id, part.windows, part.start, part.end) for part in leaves] == [
        (part.id, part.windows, part.start, part.end) for part in parts
    ]


def test_one_failing_window_is_named_and_the_others_are_loaded(server: Loopback, new_place: NewPlace) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4))
    bad = START + 13 * DAY

    def broken(start: datetime, end: datetime, offset: int) -> Reply | None:
        # the count of all windows passes, so that the bad window is one of a slice
        return Reply(500, "broken") if start <= bad < end and end - start < 40 * DAY else None

    api.before = broken
    backfill = Backfill(server, new_place, api, 40)
    report = backfill.load().resources["orders"]
    assert report.error is None
    assert list(report.failed_windows) == ["2026-01-14"]
    assert "500" in str(report.failed_windows["2026-01-14"])
    backfill.check(missing=("2026-01-14",))
    single = [asked for asked in api.asked if asked[1] - asked[0] == DAY]
    assert len(single) <= 4, "the windows beside it are read in halves"
    # the failed window has no row, so its own request is in none
    assert backfill.counted == len(api.asked) - 1


def test_a_list_that_moves_is_read_again_in_halves(server: Loopback, new_place: NewPlace) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 6))
    moved: list[int] = []

    def move(start: datetime, end: datetime, offset: int) -> None:
        if offset and not moved:
            first = next(order for order in api.orders if order["at"] >= start.isoformat()[:19])
            api.orders.remove(first)
            moved.append(first["id"])

    api.before = move
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()
    assert moved
    assert any("cut in half" in line for line in backfill.lines)
    assert backfill.counted == len(api.asked) <= backfill.most + 20
    assert backfill.place.rows("select sum(restarts) from load_ledger") == [(1,)]


def test_a_list_that_always_moves_ends_with_its_windows_one_by_one(
    server: Loopback, new_place: NewPlace
) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4))
    lies = iter(range(1, 10_000))
    wide = api._answer

    def lie(seen: Any) -> Reply:
        reply = wide(seen)
        start, end, offset = api.asked[-1]
        return reply if end - start <= DAY or not offset else json_reply({"data": [], "total": next(lies)})

    server.answering = lie
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()


@pytest.mark.parametrize("longest", [7, *slowly([1, 39])])
def test_an_api_that_refuses_long_intervals_is_read_by_window(
    server: Loopback, new_place: NewPlace, longest: int
) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4))
    api.longest = longest
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()
    assert len(api.asked) == backfill.counted == 41, "the count that was refused is in a row too"
    assert any("one by one" in line for line in backfill.lines)


COUNTS: dict[str, dict[int, int]] = {
    "even": dict.fromkeys(range(40), 4),
    "three": {3: 19, 4: 19, 5: 19},
    "one": {3: 30},
    "apart": {1: 9, 17: 9, 38: 9},
    "none": {},
}


SHORTENED = ((7, "last", "even"), (7, "first", "one"), (7, "none", "even"))


@pytest.mark.parametrize(
    ("longest", "beyond", "counts"),
    [*SHORTENED, *slowly(product((2, 7, 25), ("last", "first", "none"), COUNTS), *SHORTENED)],
)
def test_an_api_that_silently_shortens_intervals_loses_nothing(
    server: Loopback, new_place: NewPlace, beyond: str, longest: int, counts: str
) -> None:
    api = DaysApi(server, COUNTS[counts])
    api.longest, api.beyond = longest, beyond
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()


@pytest.mark.parametrize(
    ("most", "counts"),
    [(50, "even"), (50, "three"), *slowly(product((20, 100), ("even", "three")))],
)
def test_an_api_that_silently_shortens_lists_loses_nothing(
    server: Loopback, new_place: NewPlace, most: int, counts: str
) -> None:
    api = DaysApi(server, COUNTS[counts])
    api.most = most
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()


HALF_A_DAY_LOST: dict[str, tuple[str, dict[int, range]]] = {
    # the hours with an order by day; the slices are days 0 to 19 and 20 to 39, and the API honours 19.5 days
    "behind many orders": ("first", {5: range(24), 19: range(24)}),
    "behind few orders": ("first", {5: range(3), 19: range(24)}),
    "of a slice that seems empty": ("first", {5: range(3), 10: range(3), 39: range(12, 24)}),
    "of the only day": ("first", {19: range(24)}),
    "before many orders": ("last", {20: range(24), 34: range(24)}),
    "before few orders": ("last", {20: range(24), 34: range(21, 24)}),
    "before a slice that is whole": ("last", {0: range(12), 25: range(21, 24), 30: range(21, 24)}),
}
LOST_FIRST = ("behind few orders", "of a slice that seems empty", "before a slice that is whole")


@pytest.mark.parametrize("lost", [*LOST_FIRST, *slowly(HALF_A_DAY_LOST, *LOST_FIRST)])
def test_an_api_that_cuts_intervals_within_a_window_loses_nothing(
    server: Loopback, new_place: NewPlace, lost: str
) -> None:
    """A slice is half a day longer than the intervals that the API honours, and that half day has orders."""
    beyond, hours = HALF_A_DAY_LOST[lost]
    api = DaysApi(server, {})
    moments = [START + day * DAY + timedelta(hours=hour) for day in hours for hour in hours[day]]
    for number, at in enumerate(moments):
        api.orders.append({"id": number, "at": at.isoformat().replace("+00:00", "Z")})
    api.longest, api.beyond = 19.5, beyond
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    backfill.check()


def test_a_slice_stays_within_the_maximum_offset(server: Loopback, new_place: NewPlace) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 9) | {20: 35})

    def refuse(start: datetime, end: datetime, offset: int) -> Reply | None:
        return json_reply({"error": "offset"}, 400) if offset > 45 else None

    api.before = refuse
    for fields in ({"maximum_offset": 45}, {}):
        backfill = Backfill(server, new_place, api, 40, **fields)
        assert backfill.load().errors == {}
        backfill.check()
        assert max(offset for _, _, offset in api.asked) <= (45 if fields else 60)


def test_a_slice_with_far_more_records_than_others_is_cut(server: Loopback, new_place: NewPlace) -> None:
    api = DaysApi(server, {day: 400 if 20 <= day < 25 else 0 for day in range(200)}, page=10)
    backfill = Backfill(server, new_place, api, 200, concurrency=1)
    assert backfill.load().errors == {}
    backfill.check()
    assert any("more than the" in line for line in backfill.lines)
    assert len(api.asked) <= backfill.most


def test_an_api_that_reports_one_total_for_everything_fails_as_before(
    server: Loopback, new_place: NewPlace
) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4))
    answer = api._answer
    server.answering = lambda seen: Reply(
        200,
        answer(seen).body.replace(b'"total": ', b'"total": 9') if False else _with_total(answer(seen), 160),
    )
    error = Backfill(server, new_place, api, 40).load().errors["orders"]
    assert isinstance(error, ApiError)
    assert "160 records" in str(error)


def _with_total(reply: Reply, total: int) -> str:
    text = reply.body if isinstance(reply.body, str) else reply.body.decode()
    return f"{text.rpartition(':')[0]}: {total}}}"


FORMS: dict[str, dict[str, Any]] = {
    "offset": {"type": "offset", "limit": 10},
    "page": {"type": "page_number", "base_page": 1},
    "next": {"type": "json_link", "next_url_path": "next"},
    "link": {"type": "header_link"},
    "cursor": {"type": "cursor", "cursor_path": "meta.next_cursor", "cursor_param": "offset"},
}


WRITTEN = (("page", "unix"), ("cursor", "offset"))


@pytest.mark.parametrize(
    ("paging", "clock"),
    [*WRITTEN, *slowly(product(FORMS, ("utc", "unix", "offset")), *WRITTEN)],
)
def test_every_kind_of_paging_and_of_cursor(
    server: Loopback, new_place: NewPlace, paging: str, clock: str
) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4) | {7: 0, 31: 11})
    zone = timezone(timedelta(hours=-5))
    written: dict[str, Callable[[datetime], Any]] = {
        "utc": lambda at: at.isoformat().replace("+00:00", "Z"),
        "unix": lambda at: int(at.timestamp()),
        "offset": lambda at: at.astimezone(zone).isoformat(),
    }
    rows = [
        {
            "id": order["id"],
            "updated_at": written[clock](datetime.fromisoformat(order["at"].replace("Z", "+00:00"))),
        }
        for order in api.orders
    ]
    form = "unix" if clock == "unix" else "iso8601"
    listed = Listed(
        rows,
        paging,
        "page" if paging == "page" else "offset",
        usual=10,
        start="since",
        end="until",
        form=form,
    )
    server.answering = listed
    place = new_place()
    shop = Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": server.base_url, "paginator": {**FORMS[paging], "total_path": "total"}},
            "policy": {"concurrency": 2},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "things",
                        "data_selector": "data",
                        "params": {"limit": 10},
                        "incremental": {
                            "cursor_path": "updated_at",
                            "start_param": "since",
                            "end_param": "until",
                            "format": form,
                        },
                    },
                    "columns": {
                        "id": {"data_type": "bigint", "nullable": False},
                        "updated_at": {"data_type": "timestamp", "nullable": False},
                    },
                }
            ],
        }
    )
    assert run_load(shop, ["things"], api.windows(40), warehouse=place.warehouse()).errors == {}
    wanted = Counter(order["at"][:10] for order in api.orders)
    found = Place(place.engine, place.where, "testshop").rows(
        "select partition_key, fetched, requests from load_ledger order by partition_key"
    )
    assert {key: count for key, count, _ in found if count} == dict(wanted)
    assert len(found) == 40
    assert sum(requests for *_, requests in found) == len(listed.seen) <= 1.1 * len(rows) / 9 + 2 + CONSTANT


def test_few_windows_and_those_of_today_are_slices_of_their_own(
    server: Loopback, new_place: NewPlace
) -> None:
    api = DaysApi(server, dict.fromkeys(range(7), 4))
    backfill = Backfill(server, new_place, api, 7)
    assert backfill.load().errors == {}
    assert sorted(api.asked) == [(START + day * DAY, START + (day + 1) * DAY, 0) for day in range(7)]


def test_windows_are_joined_up_to_a_gap(server: Loopback, new_place: NewPlace) -> None:
    """Twenty days, ten that the run does not load, and twenty more: no request asks for a day between."""
    api = DaysApi(server, dict.fromkeys(range(50), 4))
    backfill = Backfill(server, new_place, api, 0)
    days = api.windows(50)
    windows = [*days[:20], *days[30:]]
    assert run_load(backfill.shop, ["orders"], windows, warehouse=backfill.place.warehouse()).errors == {}
    first, last = START + 20 * DAY, START + 30 * DAY
    assert [asked for asked in api.asked if asked[0] < last and asked[1] > first] == []
    assert 20 * DAY in {end - start for start, end, _ in api.asked}, "the days of a side are counted at once"
    assert len(api.asked) < len(windows)
    ledger = backfill.place.rows("select partition_key, fetched, kept from load_ledger order by 1")
    assert ledger == [(window.partition_key, 4, 4) for window in windows]


@pytest.mark.parametrize("reason", ["no total", "processing steps"])
def test_windows_that_no_total_can_compare_are_not_joined(
    server: Loopback, new_place: NewPlace, reason: str
) -> None:
    """Processing steps may drop records, so a total does not say how many of them a slice has to bring."""
    api = DaysApi(server, dict.fromkeys(range(20), 4))
    backfill = Backfill(server, new_place, api, 20, **({"total_path": None} if reason == "no total" else {}))
    if reason == "processing steps":
        steps = ({"filter": lambda order: order["id"] % 4 > 0},)
        orders = backfill.shop.resource("orders").model_copy(update={"processing_steps": steps})
        backfill.shop = backfill.shop.model_copy(update={"resources": (orders,)})
    assert backfill.load().errors == {}
    assert {(start, end) for start, end, _ in api.asked} == {
        (window.start, window.end) for window in api.windows(20)
    }
    kept = 4 if reason == "no total" else 3
    assert backfill.place.rows("select kept, count(*) from load_ledger group by 1") == [(kept, 20)]


def test_a_window_of_today_is_a_slice_of_its_own(server: Loopback, new_place: NewPlace) -> None:
    today = (datetime.now(START.tzinfo) - START).days
    api = DaysApi(server, dict.fromkeys(range(today - 19, today + 1), 4))
    backfill = Backfill(server, new_place, api, 0)
    windows = api.windows(today + 1)[-20:]
    assert run_load(backfill.shop, ["orders"], windows, warehouse=backfill.place.warehouse()).errors == {}
    assert (windows[-1].start, windows[-1].end, 0) in api.asked
    assert any(end - start >= 8 * DAY and end < windows[-1].end for start, end, _ in api.asked)
    assert len(api.asked) < len(windows)


def test_a_slice_with_a_round_total_is_cut_until_something_confirms_it(
    server: Loopback, new_place: NewPlace
) -> None:
    """Two slices would have 1,000 records each, which may be the most that the API reports."""
    backfill = Backfill(server, new_place, DaysApi(server, dict.fromkeys(range(40), 50), page=100), 40)
    assert backfill.load().errors == {}
    backfill.check()
    assert any("nothing confirms that its list was read to its end" in line for line in backfill.lines)


def test_a_record_without_a_usable_cursor_is_rejected_in_the_window_that_brings_it(
    server: Loopback, new_place: NewPlace
) -> None:
    api = DaysApi(server, dict.fromkeys(range(40), 4))
    answer = api._answer

    def unusable(seen: Any) -> Reply:
        reply = answer(seen)
        text = reply.body if isinstance(reply.body, str) else reply.body.decode()
        return Reply(200, text.replace('"2026-01-11T06:00:00Z"', '"soon"'))

    server.answering = unusable
    backfill = Backfill(server, new_place, api, 40)
    assert backfill.load().errors == {}
    assert backfill.place.rows("select partition_key from rejected_rows") == [("2026-01-11",)]
    rows = backfill.place.rows("select partition_key, fetched, kept from load_ledger where rejected > 0")
    assert rows == [("2026-01-11", 4, 3)]
