"""Half-open windows in UTC, the slices a run reads them in, and how instants are put into a request.

Nothing here asks the API or knows Dagster; `ecom_assets.orchestration.partitions` maps windows to partitions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ecom_assets.declaration.instant_format import resolution_of
from ecom_assets.foundation.local_time import instant_of, local_time_of, offset_change_near

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Incremental, Partitions, Shop

UTC = timezone.utc
KEY_FORMATS = {"hour": "%Y-%m-%d-%H:%M", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m-%d"}
"""How a window's start is written as a partition key: Dagster's own formats."""


@dataclass(frozen=True, order=True)
class Window:
    """A half-open interval `[start, end)`, aware and in UTC; `partition_key` is its Dagster partition."""

    partition_key: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Slice:
    """The part of a run's windows that one worker reads in one go.

    `start` lies before the first window by the lookback, the part of it that no window before it covers. A
    snapshot's slice has no window and no bounds.
    """

    id: str
    windows: tuple[Window, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    lookback: timedelta = timedelta()

    @cached_property
    def _ends(self) -> list[datetime]:
        return [window.end for window in self.windows]

    def window_of(self, instant: datetime) -> int | None:
        """Return the position of the window that holds an instant, None for an instant outside the slice.

        An instant of a lookback belongs to the window after it: it is that window's load that brings it.
        """
        if self.start is None or self.end is None or not self.start <= instant < self.end:
            return None
        position = bisect_right(self._ends, instant)
        begin = self.start if position == 0 else self.windows[position].start - self.lookback
        return position if instant >= begin else None


def floor(instant: datetime, every: str) -> datetime:
    """Return the start of the hour, day, week (Sunday, as in Dagster) or month of an instant, in UTC."""
    instant = instant.astimezone(UTC)
    if every == "hour":
        return instant.replace(minute=0, second=0, microsecond=0)
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "week":
        return midnight - timedelta(days=(midnight.weekday() + 1) % 7)
    return midnight.replace(day=1) if every == "month" else midnight


def following(start: datetime, every: str) -> datetime:
    """Return the end of the window that starts at `start`."""
    if every == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[every]


def window_at(partitions: Partitions, instant: datetime) -> Window:
    """Return the window that holds an instant."""
    start = floor(instant, partitions.every)
    return Window(start.strftime(KEY_FORMATS[partitions.every]), start, following(start, partitions.every))


def windows_between(partitions: Partitions, start: datetime, end: datetime) -> tuple[Window, ...]:
    """Return the windows that lie wholly in `[start, end)` and not before the declared start, in order."""
    start = max(start, partitions.start)
    window = window_at(partitions, start)
    if window.start < start:
        window = window_at(partitions, window.end)
    found = []
    while window.end <= end:
        found.append(window)
        window = window_at(partitions, window.end)
    return tuple(found)


def cut_into_slices(shop: Shop, name: str, windows: Sequence[Window]) -> tuple[Slice, ...]:
    """Cut a run's windows into the slices of one endpoint; without windows there is the one of a snapshot.

    One slice a window, or one for all where the API has no filter or knows no end of a window, as each reading
    would read everything, or everything since. The lookback goes before a window as far as no other window of the
    run reads it.
    """
    if not windows:
        return (Slice(f"{name}/all"),)
    lookback = timedelta(seconds=shop.policy.lookback)
    ordered = tuple(sorted(windows, key=lambda window: window.start))
    filtered = shop.incremental_of(name).sends_end
    groups: list[tuple[Window, ...]] = [(window,) for window in ordered] if filtered else [ordered]
    slices = []
    before = None
    for group in groups:
        start = group[0].start - lookback
        slices.append(
            Slice(
                id=f"{name}/{group[0].partition_key}",
                windows=group,
                start=start if before is None else max(start, before),
                end=group[-1].end,
                lookback=lookback,
            )
        )
        before = group[-1].end
    return tuple(slices)


@dataclass(frozen=True)
class WindowRequest:
    """What a request says of a slice: the two parameters' text, and the interval they are sure to cover.

    A record outside `[low, high]` shows that the API ignores the parameters; None is no limit on that side. One of
    `excluded` or later shows that it answers more than its bounds `[)` say.
    """

    start: str
    end: str
    low: datetime | None
    high: datetime | None
    excluded: datetime | None = None


def window_request(part: Slice, incremental: Incremental) -> WindowRequest:
    """Return what to ask so that every instant of the slice is answered, whatever the API's bounds include.

    An exclusive start is asked for one grain earlier; instants are rounded outwards to what the format can say,
    on the local clock, because a date in a request is a local date. Where that clock changes, it is not known
    which of two times of the same text the API means: there, more is asked for. What comes back beyond the
    slice is left out after reading.
    """
    if part.start is None or part.end is None:
        return WindowRequest("", "", None, None)
    grain = resolution_of(incremental.format)
    zone = ZoneInfo(incremental.timezone)
    change = offset_change_near((part.start, part.end), zone)
    start = _rounded(local_time_of(part.start, zone) - 2 * change, grain, up=False)
    end = _rounded(local_time_of(part.end, zone) + 2 * change, grain, up=True)
    if incremental.bounds[0] == "(":
        start -= grain
    first, last = instant_of(start, zone), instant_of(end, zone)
    return WindowRequest(
        start=_write(start, first, incremental.format, zone),
        end=_write(end, last, incremental.format, zone),
        # an API that keeps more digits than it compares answers up to a grain more
        low=first - 2 * change if incremental.sends_start else None,
        high=last + 2 * change + grain if incremental.sends_end else None,
        excluded=last + 2 * change if incremental.sends_end and incremental.bounds == "[)" else None,
    )


def _rounded(local: datetime, grain: timedelta, *, up: bool) -> datetime:
    """Round a local time to the grain."""
    rest = (local - datetime.min) % grain
    return local + (grain - rest if up and rest else -rest)


def _write(local: datetime, instant: datetime, form: str, zone: ZoneInfo) -> str:
    """Write a local time, or its instant, the way the API's parameter wants it."""
    if form == "iso8601":
        return instant.isoformat().replace("+00:00", "Z")
    seconds = int(instant.timestamp())
    if form in ("unix", "unix_ms"):
        return str(seconds if form == "unix" else seconds * 1000)
    if form == "iso8601_naive":
        return local.isoformat()
    if form == "date":
        return local.date().isoformat()
    # the platform's own %s takes the local time for one of the machine's zone
    pattern = re.sub("%.", lambda code: str(seconds) if code[0] == "%s" else code[0], form)
    return local.replace(tzinfo=zone).strftime(pattern)
