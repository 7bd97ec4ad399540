"""Windows are half-open, in UTC and equal to Dagster's; requests for them miss no instant."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Incremental, Partitions, Shop, load_shop
from ecom_assets.extract.slices import Slice, cut_into_slices
from ecom_assets.extract.window_request import window_request
from ecom_assets.extract.windows import Window, window_at, windows_between
from ecom_assets.orchestration.partitions import partitions_def, windows_of
from ecom_assets_tests.support.paths import ROOT

SANDBOX = load_shop(ROOT / "ecom_assets" / "shops" / "sandbox.yaml")
UTC = timezone.utc
EVERY = ("hour", "day", "week", "month")
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31), timezones=st.just(UTC))


def day(number: int, month: int = 1) -> datetime:
    """Return a midnight in 2026."""
    return datetime(2026, month, number, tzinfo=UTC)


@settings(deadline=None)
@given(every=st.sampled_from(EVERY), instant=INSTANTS)
def test_a_window_holds_its_instant_and_is_dagsters(
    every: Literal["hour", "day", "week", "month"], instant: datetime
) -> None:
    partitions = Partitions(every=every, start=day(1))
    window = window_at(partitions, instant)
    assert window.start <= instant < window.end
    assert window_at(partitions, window.end).start == window.end
    assert window_at(partitions, window.end - timedelta(microseconds=1)) == window
    if window.start >= day(4):
        assert windows_of(partitions_def(partitions), [window.partition_key]) == (window,)


@given(every=st.sampled_from(EVERY), start=INSTANTS, days=st.integers(0, 40))
def test_windows_between_are_whole_and_without_gaps(
    every: Literal["hour", "day", "week", "month"], start: datetime, days: int
) -> None:
    end = start + timedelta(days=days)
    windows = windows_between(Partitions(every=every, start=day(1)), start, end)
    assert all(start <= window.start and window.end <= end for window in windows)
    assert all(one.end == other.start for one, other in pairwise(windows))


def test_no_window_before_the_declared_start() -> None:
    windows = windows_between(Partitions(every="day", start=day(3)), day(1), day(5))
    assert [window.partition_key for window in windows] == ["2026-01-03", "2026-01-04"]


def shop_with(lookback: int = 0, **incremental: Any) -> Shop:
    """Return the sandbox with another policy and another incremental of its orders."""
    orders = SANDBOX.resource("orders")
    assert orders.endpoint
    assert orders.endpoint.incremental
    changed = orders.endpoint.incremental.model_copy(update=incremental)
    endpoint = orders.endpoint.model_copy(update={"incremental": changed})
    resources = tuple(
        entry.model_copy(update={"endpoint": endpoint}) if entry is orders else entry
        for entry in SANDBOX.resources
    )
    policy = SANDBOX.policy.model_copy(update={"lookback": lookback})
    return SANDBOX.model_copy(update={"resources": resources, "policy": policy})


WINDOWS = windows_between(Partitions(every="day", start=day(1)), day(1), day(8))


def test_a_slice_a_window() -> None:
    slices = cut_into_slices(SANDBOX, "orders", WINDOWS[::-1])
    assert [slice_.id for slice_ in slices] == [f"orders/2026-01-0{number}" for number in range(1, 8)]
    assert [(slice_.start, slice_.end) for slice_ in slices] == [
        (window.start, window.end) for window in WINDOWS
    ]


def test_one_slice_for_an_api_that_cannot_filter() -> None:
    (slice_,) = cut_into_slices(shop_with(server_filter=False), "orders", WINDOWS)
    assert (slice_.start, slice_.end, slice_.windows) == (day(1), day(8), WINDOWS)


def test_a_snapshot_has_one_slice_without_bounds() -> None:
    assert cut_into_slices(SANDBOX, "stores", ()) == (Slice("stores/all"),)


def test_lookback_reaches_back_unless_the_run_reads_that_anyway() -> None:
    slices = cut_into_slices(shop_with(lookback=3600), "orders", [WINDOWS[1], WINDOWS[2], WINDOWS[5]])
    reached = [window.start for window in (WINDOWS[1], WINDOWS[2], WINDOWS[5])]
    hour = timedelta(hours=1)
    assert [slice_.start for slice_ in slices] == [reached[0] - hour, reached[1], reached[2] - hour]
    assert slices[0].window_of(reached[0] - hour) == 0
    assert slices[0].window_of(reached[0] - hour - timedelta(seconds=1)) is None


@given(offset=st.integers(-2, 7 * 86_400))
def test_every_instant_lies_in_exactly_one_window_of_a_slice(offset: int) -> None:
    instant = day(1) + timedelta(seconds=offset)
    slice_ = Slice("orders/all", WINDOWS, day(1), day(8))
    position = slice_.window_of(instant)
    holding = [place for place, window in enumerate(WINDOWS) if window.start <= instant < window.end]
    assert holding == ([] if position is None else [position])


def test_an_instant_in_a_gap_belongs_to_no_window() -> None:
    slice_ = Slice("orders/all", (WINDOWS[0], WINDOWS[2]), day(1), day(4))
    assert [slice_.window_of(day(number)) for number in (1, 2, 3, 4)] == [0, None, 1, None]


@pytest.mark.parametrize(
    ("declared", "start", "end"),
    [
        ({}, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ({"bounds": "()"}, "2025-12-31T23:59:59Z", "2026-01-02T00:00:00Z"),
        ({"bounds": "(]"}, "2025-12-31T23:59:59Z", "2026-01-02T00:00:00Z"),
        ({"bounds": "[]"}, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ({"format": "iso8601_naive"}, "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        (
            {"format": "iso8601_naive", "timezone": "Europe/Berlin"},
            "2026-01-01T01:00:00",
            "2026-01-02T01:00:00",
        ),
        ({"format": "unix"}, "1767225600", "1767312000"),
        ({"format": "unix_ms"}, "1767225600000", "1767312000000"),
        ({"format": "date"}, "2026-01-01", "2026-01-02"),
        ({"format": "date", "timezone": "Europe/Berlin"}, "2026-01-01", "2026-01-03"),
        ({"format": "%Y%m%d"}, "20260101", "20260102"),
        ({"format": "%Y%m%d %H:%M", "bounds": "(]"}, "20251231 23:59", "20260102 00:00"),
    ],
)
def test_what_is_asked_for_covers_the_window(declared: dict[str, Any], start: str, end: str) -> None:
    incremental = Incremental(
        **{"cursor_path": "updated_at", "start_param": "from", "end_param": "to", **declared}
    )
    request = window_request(Slice("orders/x", WINDOWS[:1], day(1), day(2)), incremental)
    assert (request.start, request.end) == (start, end)
    assert request.low is not None
    assert request.high is not None
    assert request.low <= day(1)
    assert request.high >= day(2)


def test_nothing_is_asked_of_a_snapshot_and_no_limit_without_a_parameter() -> None:
    incremental = Incremental(cursor_path="updated_at", start_param="from")
    assert window_request(Slice("stores/all"), incremental).start == ""
    request = window_request(Slice("orders/x", WINDOWS[:1], day(1), day(2)), incremental)
    assert (request.low, request.high) == (day(1), None)


def test_windows_are_ordered_by_key_and_start() -> None:
    assert sorted({*WINDOWS}) == list(WINDOWS)
    assert WINDOWS[0] == Window("2026-01-01", day(1), day(2))
