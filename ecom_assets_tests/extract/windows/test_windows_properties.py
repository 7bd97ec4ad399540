"""Over any cut of a timeline into windows each record lands exactly once, however the API is asked and answers."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.slices import Slice, cut_into_slices
from ecom_assets.extract.window_assignment import assign_windows, cursor_instants_of
from ecom_assets.extract.window_request import window_request
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.errors import ApiError
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.servers.window_filter import IN_UTC, Answering, Stored, written

UTC = timezone.utc
FORMATS = (
    *IN_UTC,
    "iso8601_naive",
    "date",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d%H%M",
    "%d.%m.%Y",
    "%Y-%m-%dT%H:%M:%S%z",
    "%s",
)
BOUNDS = ("[)", "[]", "()", "(]")
CHANGES = {
    "UTC": (datetime(2026, 3, 1),),
    "Europe/Berlin": (datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)),
    "America/New_York": (datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)),
    "Atlantic/Azores": (datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)),
    "Australia/Lord_Howe": (datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30)),
    "America/Santiago": (datetime(2026, 4, 5, 3), datetime(2026, 9, 6, 4)),
    "Asia/Kolkata": (datetime(2026, 3, 1),),
    "Pacific/Apia": (datetime(2011, 12, 30, 10),),
}
"""Instants in UTC at which the clocks of a zone change, by an hour, half an hour and, in Samoa, a whole day."""
SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


def shop_of(data_type: str = "timestamp", every: str = "day", lookback: int = 0, **incremental: Any) -> Shop:
    """Return a shop with the windowed `things`."""
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": "https://api.example.com"},
            "policy": {"lookback": lookback},
            "partitions": {"every": every, "start": "2010-01-03" if every == "week" else "2010-01-01"},
            "resources": [
                {
                    "name": "things",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "things",
                        "incremental": {
                            "cursor_path": "at",
                            "start_param": "from",
                            "end_param": "to",
                            **incremental,
                        },
                    },
                    "columns": {
                        "id": {"data_type": "bigint", "nullable": False},
                        "at": {"data_type": data_type, "nullable": False},
                    },
                }
            ],
        }
    )


def windows_of_records(
    shop: Shop, slices: tuple[Slice, ...], answering: Answering, stored: list[Stored]
) -> Counter[Any]:
    """Read slices, and count the windows of each record. No line about exceeded bounds may be logged."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    found: Counter[Any] = Counter()
    resource = shop.resource("things")
    for slice_ in slices:
        if shop.incremental_of("things").server_filter:
            records = answering.answer(stored, window_request(slice_, shop.incremental_of("things")))
        else:
            records = [record.as_record(number) for number, record in enumerate(stored)]
        assigned = assign_windows(shop, resource, slice_, records, refuse)
        found.update(
            (record["id"], slice_.windows[window])
            for record, window in zip(assigned.records, assigned.windows, strict=True)
        )
    return found


@examples(4)
@given(data=st.data())
def test_each_record_lands_exactly_once(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(sorted(CHANGES)), "zone")
    every = data.draw(st.sampled_from(sorted(SPANS)), "every")
    style = data.draw(st.sampled_from(["offset", "naive", "date", "unix", "unix_ms"]), "style")
    form = data.draw(st.sampled_from(FORMATS), "format")
    lookback = data.draw(st.sampled_from([0, 0, 1, 3600, 200_000]), "lookback")
    numeric = style in ("unix", "unix_ms") and data.draw(st.booleans(), "numeric")
    shop = shop_of(
        "date" if style == "date" else "bigint" if numeric else "timestamp",
        every,
        lookback,
        format=form,
        timezone=zone,
        bounds=data.draw(st.sampled_from(BOUNDS), "bounds"),
        server_filter=data.draw(st.sampled_from([True, True, True, False]), "server_filter"),
        end_param=data.draw(st.sampled_from(["to"] * 4 + [None]), "end_param"),
    )
    answering = Answering(
        shop.incremental_of("things"),
        # a server that converts what it is asked compares instants; one that stores local times compares those
        by_wall=form not in IN_UTC
        and "%s" not in form
        and "%z" not in form
        and data.draw(st.booleans(), "by wall"),
        fold=data.draw(st.sampled_from([0, 1]), "fold"),
        truncating=data.draw(st.booleans(), "truncating"),
    )
    change = data.draw(st.sampled_from(CHANGES[zone]), "change").replace(tzinfo=UTC)
    span = SPANS[every]
    first = change - data.draw(st.integers(1, 3), "windows before") * span
    assert shop.partitions
    windows = windows_between(shop.partitions, first, first + 6 * span)
    edges = [window.start for window in windows] + [windows[-1].end, change]
    near = st.sampled_from(
        [0, 1, -1, 1000, -1000, 500_000, -500_000, 10**6, -(10**6), 1800 * 10**6, -1800 * 10**6]
    )
    moments = st.one_of(
        st.builds(lambda edge, micros: edge + timedelta(microseconds=micros), st.sampled_from(edges), near),
        st.datetimes(
            (edges[0] - timedelta(days=2)).replace(tzinfo=None),
            (edges[-2] + timedelta(days=2)).replace(tzinfo=None),
            timezones=st.just(UTC),
        ),
        st.timedeltas(timedelta(hours=-3), timedelta(hours=3)).map(lambda away: change + away),
    )
    stored = [
        written(moment, style, ZoneInfo(zone), data.draw(st.sampled_from([-720, -300, 0, 330, 840])))
        for moment in data.draw(st.lists(moments, max_size=12), "moments")
    ]
    records = [record.as_record(number) for number, record in enumerate(stored)]
    read = cursor_instants_of(shop, shop.resource("things"), records).to_pylist()

    def holding(instant: datetime) -> list[Window]:
        return [window for window in windows if window.start <= instant < window.end]

    expected = Counter((number, window) for number, instant in enumerate(read) for window in holding(instant))
    back = timedelta(seconds=lookback)
    before = {
        number for number, instant in enumerate(read) if windows[0].start - back <= instant < windows[0].start
    }
    in_one_run = windows_of_records(shop, cut_into_slices(shop, "things", windows), answering, stored)
    assert in_one_run == expected + Counter((number, windows[0]) for number in before)
    parts = chain.from_iterable(cut_into_slices(shop, "things", [window]) for window in windows)
    one_by_one = windows_of_records(shop, tuple(parts), answering, stored)
    assert expected <= one_by_one
    for (number, window), times in one_by_one.items():
        assert times == 1
        assert window.start - back <= read[number] < window.end


@pytest.mark.parametrize("windows", [[0, 3], [0, 1, 3], [1, 3, 4]])
@pytest.mark.parametrize("server_filter", [True, False])
def test_a_long_lookback_reads_no_record_twice_in_a_run(windows: list[int], server_filter: bool) -> None:
    shop = shop_of(lookback=216_000, server_filter=server_filter)
    assert shop.partitions
    every = windows_between(
        shop.partitions, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC)
    )
    chosen = [every[position] for position in windows]
    stored = [
        written(datetime(2025, 12, 28, tzinfo=UTC) + timedelta(hours=hour), "offset", ZoneInfo("UTC"), 0)
        for hour in range(11 * 24)
    ]
    answering = Answering(shop.incremental_of("things"), by_wall=False, fold=0, truncating=False)
    found = windows_of_records(shop, cut_into_slices(shop, "things", chosen), answering, stored)
    ends = [window.end for window in chosen]
    expected = Counter[Any]()
    for number, record in enumerate(stored):
        window = next((window for window in chosen if record.moment < window.end), None)
        if window and record.moment >= window.start - timedelta(seconds=216_000):
            expected[number, window] += 1
    assert found == expected
    assert max(found.values()) == 1
    assert len(ends) < len(found)


@pytest.mark.parametrize("ignored", ["from", "to"])
@pytest.mark.parametrize("zone", sorted(CHANGES))
def test_an_api_that_ignores_one_parameter_is_noticed(ignored: str, zone: str) -> None:
    change = CHANGES[zone][0].replace(tzinfo=UTC)
    shop = shop_of(timezone=zone)
    assert shop.partitions
    (window,) = windows_between(shop.partitions, change - timedelta(days=1), change + timedelta(days=1))[:1]
    (slice_,) = cut_into_slices(shop, "things", [window])
    honest = shop_of(timezone=zone, end_param=None if ignored == "to" else "to")
    answering = Answering(honest.incremental_of("things"), by_wall=False, fold=0, truncating=False)
    stored = [
        written(window.start + timedelta(hours=hour), "offset", ZoneInfo("UTC"), 0)
        for hour in range(-300, 300)
    ]
    asked = window_request(slice_, shop.incremental_of("things"))
    if ignored == "from":
        records = [entry.as_record(number) for number, entry in enumerate(stored[:310])]
    else:
        records = answering.answer(stored, asked)
    with pytest.raises(
        ApiError, match=rf"lie outside of the window that was asked for\. .* The API ignores {ignored}"
    ):
        assign_windows(shop, shop.resource("things"), slice_, records)
    unfiltered = shop_of(timezone=zone, server_filter=False)
    assigned = assign_windows(unfiltered, unfiltered.resource("things"), slice_, records)
    assert {record["id"] for record in assigned.records} >= {300, 309}
    assert len(assigned.records) <= 24
