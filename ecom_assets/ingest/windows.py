"""Half-open windows in UTC, the slices a run reads them in, and how instants are put into a request.

Nothing here asks the API or knows Dagster; `ecom_assets.partitions` maps windows to partitions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from ecom_assets.ingest.declaration import Incremental, Partitions, Shop

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

    `start` lies before the first window by the policy's lookback. A snapshot's slice has no window and no
    bounds.
    """

    id: str
    windows: tuple[Window, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    def window_of(self, instant: datetime) -> int | None:
        """Return the position of the window that holds an instant, None for an instant outside the slice.

        An instant of the lookback belongs to the first window: it is that window's load that brings it.
        """
        if self.start is None or self.end is None or not self.start <= instant < self.end:
            return None
        position = max(bisect_right([window.start for window in self.windows], instant) - 1, 0)
        return position if instant < self.windows[position].end else None


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


def cut(shop: Shop, name: str, windows: Sequence[Window]) -> tuple[Slice, ...]:
    """Cut a run's windows into the slices of one endpoint; without windows there is the one of a snapshot.

    One slice a window, or one for all where the API has no filter or knows no end of a window, as each reading
    would read everything, or everything since. The lookback goes before a window unless the run reads what
    lies before it anyway.
    """
    if not windows:
        return (Slice(f"{name}/all"),)
    lookback = timedelta(seconds=shop.policy.lookback)
    ordered = tuple(sorted(windows, key=lambda window: window.start))
    ends = {window.end for window in ordered}
    filtered = shop.incremental_of(name).asks_end
    groups: list[tuple[Window, ...]] = [(window,) for window in ordered] if filtered else [ordered]
    return tuple(
        Slice(
            id=f"{name}/{group[0].partition_key}",
            windows=group,
            start=group[0].start if group[0].start in ends else group[0].start - lookback,
            end=group[-1].end,
        )
        for group in groups
    )


@dataclass(frozen=True)
class Ask:
    """What a request says of a slice: the two parameters' text, and the interval they are sure to cover.

    A record outside `[low, high]` shows that the API ignores the parameters; None is no limit on that side.
    """

    start: str
    end: str
    low: datetime | None
    high: datetime | None


def ask(part: Slice, incremental: Incremental) -> Ask:
    """Return what to ask so that every instant of the slice is answered, whatever the API's bounds include.

    An exclusive start is asked for one grain earlier; instants are rounded outwards to what the format can
    say. What comes back beyond the slice is left out after reading.
    """
    if part.start is None or part.end is None:
        return Ask("", "", None, None)
    grain = _grain(incremental.format)
    zone = ZoneInfo(incremental.timezone)
    start, end = _round(part.start, grain, zone, up=False), _round(part.end, grain, zone, up=True)
    if incremental.bounds[0] == "(":
        start -= grain
    return Ask(
        start=_write(start, incremental.format, zone),
        end=_write(end, incremental.format, zone),
        low=start if incremental.asks_start else None,
        high=end + (grain if grain > timedelta(seconds=1) else timedelta()) if incremental.asks_end else None,
    )


def _grain(form: str) -> timedelta:
    """Return the smallest step that a format can write, at least a second."""
    if form == "date":
        return timedelta(days=1)
    if "%" not in form or any(code in form for code in ("%S", "%s", "%f", "%T", "%X", "%c")):
        return timedelta(seconds=1)
    if "%M" in form or "%R" in form:
        return timedelta(minutes=1)
    return timedelta(hours=1) if "%H" in form or "%I" in form else timedelta(days=1)


def _round(instant: datetime, grain: timedelta, zone: ZoneInfo, *, up: bool) -> datetime:
    """Round an instant to the grain on the local clock, because a date in a request is a local date."""
    local = instant.astimezone(zone).replace(tzinfo=None)
    rest = (local - datetime.min) % grain
    if rest:
        local += grain - rest if up else -rest
    return local.replace(tzinfo=zone).astimezone(UTC)


def _write(instant: datetime, form: str, zone: ZoneInfo) -> str:
    """Write an instant the way the API's parameter wants it."""
    if form == "iso8601":
        return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if form == "unix":
        return str(int(instant.timestamp()))
    if form == "unix_ms":
        return str(int(instant.timestamp() * 1000))
    local = instant.astimezone(zone)
    if form == "iso8601_naive":
        return local.replace(tzinfo=None).isoformat()
    return local.strftime("%Y-%m-%d" if form == "date" else form)
