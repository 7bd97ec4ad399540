"""Records at the edges of windows, down to the microsecond: each is loaded with its window, and fails no other one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import serving as serving_sandbox
from ecom_assets_tests.extract.windows.test_windows_properties import shop_of
from ecom_assets_tests.load.test_run import Loads
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
SECOND = timedelta(seconds=1)
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (4, 5, 6, 7)]
NEAR = [timedelta(microseconds=micros) for micros in (0, 1, 499_999, 500_000, 999_999, 1_000_000)]
MOMENTS = sorted({day + away for day in DAYS for near in NEAR for away in (near, -near)})
"""Instants within a second of the edges of three windows."""


def windows_of(shop: Shop) -> tuple[Window, ...]:
    assert shop.partitions
    return windows_between(shop.partitions, DAYS[0], DAYS[-1])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("duckdb", str(tmp_path / "warehouse.duckdb"))


def test_each_record_of_the_sandbox_is_loaded_with_its_window(place: Place) -> None:
    with serving_sandbox(
        SandboxSettings(orders_per_day=60, now=datetime(2026, 1, 10, tzinfo=UTC))
    ) as sandbox:
        loads = Loads(sandbox, place)
        windows = windows_of(loads.shop)
        expected: dict[int, datetime] = {}
        for number, moment in enumerate(MOMENTS, 1100):
            local = moment.astimezone(timezone(timedelta(minutes=60 * (number % 9 - 4))))
            sandbox.faults.change("/v1/orders", number, updated_at=local.isoformat())
            expected |= {number: moment} if DAYS[0] <= moment < DAYS[-1] else {}
        ids = ", ".join(str(1100 + number) for number in range(len(MOMENTS)))
        for window in windows:
            assert loads.run(["orders"], (window,)).errors == {}
            there = dict(place.rows(f"select id, updated_at from orders where id in ({ids})"))
            assert there == {key: moment for key, moment in expected.items() if moment < window.end}


def in_seconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // SECOND


def in_milliseconds(moment: datetime) -> int:
    return in_seconds(moment) * 1000 + moment.microsecond // 1000


def local(moment: datetime) -> datetime:
    return moment.astimezone(BERLIN).replace(tzinfo=None)


WAYS: dict[str, tuple[Callable[[datetime], Any], str, dict[str, Any]]] = {
    "microseconds": (lambda moment: f"{moment:%Y-%m-%d %H:%M:%S.%f}Z", "timestamp", {}),
    "an offset": (lambda moment: moment.astimezone(BERLIN).isoformat(), "timestamp", {"bounds": "[]"}),
    "nanoseconds": (lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}999Z", "timestamp", {"bounds": "()"}),
    "milliseconds": (lambda moment: moment.isoformat(timespec="milliseconds"), "timestamp", {"bounds": "(]"}),
    "whole seconds": (lambda moment: moment.isoformat(timespec="seconds"), "timestamp", {}),
    "local time": (
        lambda moment: local(moment).isoformat(),
        "timestamp",
        {"format": "iso8601_naive", "timezone": "Europe/Berlin", "bounds": "[]"},
    ),
    "Unix seconds": (in_seconds, "bigint", {"format": "unix"}),
    "Unix seconds as a float": (datetime.timestamp, "timestamp", {"format": "unix", "bounds": "(]"}),
    "Unix milliseconds": (in_milliseconds, "bigint", {"format": "unix_ms", "bounds": "[]"}),
    "Unix milliseconds as a text": (
        lambda moment: str(in_milliseconds(moment)),
        "timestamp",
        {"format": "unix_ms", "bounds": "()"},
    ),
    "dates": (lambda moment: str(moment.date()), "date", {"format": "date", "bounds": "[]"}),
    "dates, asked by the second": (lambda moment: str(moment.date()), "date", {}),
}
"""How an API writes its cursors, which are of which type, and how it is asked."""
RARE = ("nanoseconds", "Unix seconds as a float", "Unix milliseconds as a text", "dates, asked by the second")
"""Those that are near another one; their turn is among the slow tests."""


class Api:
    """An API of one record a moment, that filters by the second or finer, and a shop that reads it."""

    def __init__(
        self, loopback: Loopback, shown: Callable[[datetime], Any], data_type: str, **declared: Any
    ) -> None:
        shop = shop_of(data_type, **declared)
        self.incremental = shop.incremental_of("things")
        self.shown = shown
        self.bounds: str = self.incremental.bounds
        self.compared: Callable[[datetime], Any] = lambda moment: moment
        self.read: Callable[[str], Any] = self.instant
        self.said: list[str] = []
        loopback.answering = self.answer
        client = shop.client.model_copy(
            update={
                "base_url": loopback.base_url,
                "paginator": {"type": "single_page", "total_path": "total"},
            }
        )
        things = shop.resource("things")
        assert things.endpoint
        endpoint = things.endpoint.model_copy(update={"data_selector": "data"})
        resources = (things.model_copy(update={"endpoint": endpoint}),)
        self.shop: Shop = shop.model_copy(update={"client": client, "resources": resources})

    def instant(self, text: str) -> datetime:
        """Understand a parameter."""
        if self.incremental.format in ("unix", "unix_ms"):
            return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.incremental.timezone))

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        low, high = self.read(query["from"]), self.read(query["to"])
        if self.incremental.format == "date":
            high += timedelta(days=1) - timedelta.resolution  # the whole of the last day
        found = []
        for number, moment in enumerate(MOMENTS):
            value = self.compared(moment)
            after = value > low or (self.bounds[0] == "[" and value == low)
            if after and (value < high or (self.bounds[1] == "]" and value == high)):
                found.append({"id": number, "at": self.shown(moment)})
        return json_reply({"data": found, "total": len(found)})

    def load(self, place: Place, *windows: Window) -> RunReport:
        return run_load(
            self.shop, ["things"], windows, warehouse=place.warehouse(), progress=self.said.append
        )


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


def is_loaded_once(api: Api, place: Place, shown: Callable[[datetime], datetime]) -> None:
    """Load three windows, and see that each record came with the one in which its cursor lies."""
    windows = windows_of(api.shop)
    read = {number: shown(moment) for number, moment in enumerate(MOMENTS)}
    kept = Counter(
        window.partition_key
        for moment in read.values()
        for window in windows
        if window.start <= moment < window.end
    )
    assert api.load(place, *windows).errors == {}
    assert not [text for text in api.said if "exclude" in text]
    place = replace(place, dataset="testshop")
    ids = sorted(number for number, moment in read.items() if DAYS[0] <= moment < DAYS[-1])
    assert [number for (number,) in place.rows("select id from things order by id")] == ids
    assert Counter(dict(place.rows("select partition_key, kept from load_ledger"))) == kept


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.slow) if way in RARE else way for way in WAYS]
)
def test_each_record_is_loaded_with_its_window(loopback: Loopback, place: Place, way: str) -> None:
    shown, data_type, declared = WAYS[way]
    # what a cursor leaves out of an instant, down to the day, does not take it out of its window
    is_loaded_once(Api(loopback, shown, data_type, **declared), place, lambda moment: moment)


def rounded(moment: datetime) -> datetime:
    """Return the nearest second, the later one of two."""
    return (moment + SECOND / 2).replace(microsecond=0)


def as_text(moment: datetime) -> str:
    """Return as many digits as there are, as many an API does."""
    return moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("bounds", ["[)", "[]"])
def test_a_grain_more_is_enough_for_an_api_that_shows_rounded_instants(
    loopback: Loopback, place: Place, bounds: str
) -> None:
    api = Api(loopback, lambda moment: as_text(rounded(moment)), "timestamp", bounds="()")
    api.bounds = bounds
    is_loaded_once(api, place, rounded)


@pytest.mark.parametrize("bounds", ["[)", "[]"])
def test_a_grain_more_is_enough_for_an_api_that_compares_texts(
    loopback: Loopback, place: Place, bounds: str
) -> None:
    api = Api(loopback, as_text, "timestamp", bounds="()")
    api.bounds = bounds
    api.compared, api.read = as_text, str
    # such as the one half a second after midnight, whose text is before that of midnight
    assert as_text(DAYS[1] + SECOND / 2) < as_text(DAYS[1])
    is_loaded_once(api, place, lambda moment: moment)


@pytest.mark.parametrize(
    ("bounds", "shown", "by_text", "count"),
    [
        ("[)", as_text, True, 4),
        ("[)", lambda moment: as_text(rounded(moment)), False, 3),
        ("[]", as_text, False, 1),
        ("[)", as_text, False, 0),
    ],
    ids=["compares texts", "shows rounded", "includes the end", "keeps its bounds"],
)
def test_records_of_the_end_that_bounds_leave_out_are_told_of(
    loopback: Loopback,
    place: Place,
    bounds: str,
    shown: Callable[[datetime], str],
    by_text: bool,
    count: int,
) -> None:
    api = Api(loopback, shown, "timestamp")
    api.bounds = bounds
    if by_text:
        api.compared, api.read = as_text, str
    window = windows_of(api.shop)[1]
    assert api.load(place, window).errors == {}
    told = [text for text in api.said if "exclude" in text]
    assert told == (
        [
            f"things: {count} records of 2026-01-06T00:00:00+00:00 or later came, which bounds '[)' exclude. The "
            "next window may lack them. Declare bounds '[]' if the API includes the end, or '()' if it rounds instants "
            "or compares them as texts"
        ]
        if count
        else []
    )


def test_an_api_that_rounds_what_it_compares_is_refused(loopback: Loopback, place: Place) -> None:
    api = Api(loopback, as_text, "timestamp")
    api.compared = rounded
    report = api.load(place, windows_of(api.shop)[1])
    # the load of the window before did not get them
    assert str(report.errors["things"]) == (
        "things: 3 of 11 records lie outside of the window that was asked for. The furthest one is of "
        "2026-01-04T23:59:59.500000+00:00, before 2026-01-05T00:00:00+00:00. The API ignores from, or rounds the "
        "instants that it compares. Declare server_filter: false, or the parameter that the API knows, or the format "
        "and the timezone in which it reads the parameter"
    )
