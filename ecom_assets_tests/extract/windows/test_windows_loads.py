"""Windows from a real server into a warehouse on each engine: however an API filters, each record is there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.window_request import WindowRequest
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import run_load
from ecom_assets_tests.extract.windows.test_windows_properties import shop_of
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.window_filter import Answering, Stored, written
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
BERLIN = datetime(2026, 10, 25, 1, tzinfo=UTC)
NEW_YORK = datetime(2026, 11, 1, 6, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


@dataclass(frozen=True)
class Api:
    """What an API declares, how its server compares, and how it writes its cursors."""

    name: str
    incremental: dict[str, Any]
    style: str = "naive"
    data_type: str = "timestamp"
    change: datetime = BERLIN
    every: str = "hour"
    server: dict[str, Any] = field(default_factory=lambda: {"by_wall": False, "fold": 0, "truncating": False})


APIS = [
    Api("offsets, both ends", {"bounds": "[]"}, style="offset"),
    Api(
        "local times, second ones meant",
        {"format": "iso8601_naive", "timezone": "Europe/Berlin"},
        server={"by_wall": False, "fold": 1, "truncating": False},
    ),
    Api(
        "local times, first ones meant, neither end",
        {"format": "iso8601_naive", "timezone": "America/New_York", "bounds": "()"},
        change=NEW_YORK,
    ),
    Api(
        "local times as texts, to the minute",
        {"format": "%Y%m%d%H%M", "timezone": "Europe/Berlin", "bounds": "(]"},
        server={"by_wall": True, "fold": 0, "truncating": True},
    ),
    Api("local times, asked for in UTC", {"timezone": "Europe/Berlin"}, change=SPRING),
    Api("seconds", {"format": "unix", "bounds": "(]"}, style="unix", data_type="bigint"),
    Api("milliseconds", {"format": "unix_ms", "bounds": "()"}, style="unix_ms", data_type="bigint"),
    Api(
        "dates",
        {"format": "date", "timezone": "Europe/Berlin", "bounds": "[]"},
        style="date",
        data_type="date",
        every="day",
    ),
    Api("no filter", {"server_filter": False, "timezone": "Europe/Berlin"}),
    Api("a start alone", {"end_param": None, "timezone": "Europe/Berlin"}),
]


class Shelf:
    """A shop of an API at a running server, and its records around the change of a clock."""

    def __init__(self, api: Api, loopback: Loopback) -> None:
        declared = shop_of(api.data_type, api.every, **api.incremental)
        self.incremental = declared.incremental_of("things")
        span = timedelta(hours=1) if api.every == "hour" else timedelta(days=1)
        assert declared.partitions
        self.windows = windows_between(declared.partitions, api.change - 3 * span, api.change + 4 * span)
        zone = ZoneInfo(self.incremental.timezone)
        step = span / 8
        near = [timedelta(0), timedelta(milliseconds=-1), timedelta(microseconds=1), timedelta(seconds=1)]
        first, last = self.windows[0].start, self.windows[-1].end
        moments = [first - 4 * span + step * number for number in range(13 * 8)]
        moments += [window.start + away for window in self.windows for away in near] + [last]
        self.stored: list[Stored] = [
            written(moment, api.style, zone, 60 * (number % 9 - 4)) for number, moment in enumerate(moments)
        ]
        self.answering = Answering(self.incremental, **api.server)
        loopback.answering = self.answer
        client = declared.client.model_copy(
            update={
                "base_url": loopback.base_url,
                "paginator": {"type": "single_page", "total_path": "total"},
            }
        )
        policy = declared.policy.model_copy(update={"max_retries": 0})
        things = declared.resource("things")
        assert things.endpoint
        endpoint = things.endpoint.model_copy(update={"data_selector": "data"})
        resources = (things.model_copy(update={"endpoint": endpoint}),)
        self.shop: Shop = declared.model_copy(
            update={"client": client, "policy": policy, "resources": resources}
        )

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        if self.incremental.server_filter:
            records = self.answering.answer(
                self.stored, WindowRequest(query["from"], query.get("to", ""), None, None)
            )
        else:
            assert query == {}
            records = [record.as_record(number) for number, record in enumerate(self.stored)]
        return json_reply({"data": records, "total": len(records)})

    def expected(self) -> dict[int, Window]:
        """Return the window of each record that is in one."""
        records = [record.as_record(number) for number, record in enumerate(self.stored)]
        read = cursor_instants_of(self.shop, self.shop.resource("things"), records).to_pylist()
        return {
            number: window
            for number, instant in enumerate(read)
            for window in self.windows
            if window.start <= instant < window.end
        }

    def load(self, windows: tuple[Window, ...], place: Place) -> tuple[list[Any], list[Any]]:
        """Load, and return the ids in the table and the figures of the windows."""
        report = run_load(self.shop, ["things"], windows, warehouse=place.warehouse())
        assert report.errors == {}
        ids = place.rows("select id from testshop.things order by 1")
        kept = place.rows("select partition_key, kept from testshop.load_ledger where kept > 0 order by 1")
        return [number for (number,) in ids], kept


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_each_record_of_a_range_is_loaded_once(
    api: Api, loopback: Loopback, new_place: Callable[[], Place]
) -> None:
    shelf = Shelf(api, loopback)
    expected = shelf.expected()
    assert len(expected) > len(shelf.windows)
    ids, kept = shelf.load(shelf.windows, new_place())
    assert ids == sorted(expected)
    assert kept == sorted(Counter(window.partition_key for window in expected.values()).items())


@pytest.mark.parametrize(
    "api", [APIS[1], pytest.param(APIS[3], marks=pytest.mark.slow)], ids=lambda api: api.name
)
def test_each_record_is_loaded_window_by_window(
    api: Api, loopback: Loopback, new_place: Callable[[], Place]
) -> None:
    shelf = Shelf(api, loopback)
    for window in shelf.windows[1:5]:
        found = {number for number, holding in shelf.expected().items() if holding == window}
        ids, kept = shelf.load((window,), new_place())
        assert ids == sorted(found)
        assert kept == ([(window.partition_key, len(found))] if found else [])


def test_a_window_far_ahead_is_empty(loopback: Loopback, new_place: Callable[[], Place]) -> None:
    shelf = Shelf(APIS[0], loopback)
    assert shelf.shop.partitions
    start = datetime(2060, 1, 1, tzinfo=UTC)
    windows = windows_between(shelf.shop.partitions, start, start + timedelta(hours=1))
    assert shelf.load(windows, new_place()) == ([], [])
