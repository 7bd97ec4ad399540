"""Convert local times without an offset to instants in UTC, and back.

When clocks go back, an hour occurs twice: it is read as the second one. No record then seems older than a window that
was read before the record existed. When clocks go forward, a skipped time is read as the instant of the change. With
these rules, local times and their instants have the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("us", "UTC")
_ARROW_KNOWS_UNTIL = datetime(2037, 1, 1)
"""From here on, Arrow knows no changes of a zone's offset."""
_NEAR = timedelta(days=3)
"""Where a change of offset matters: a change is at most a day, and bounds in requests are rounded by up to a day."""


def instant_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, of a naive local time; raises OverflowError outside of the years 1 to 9999."""
    first = moment.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    second = moment.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    if first <= second:
        return second
    # a skipped time: find the instant of the change, which lies between `second` and `first`
    before = second.astimezone(zone).utcoffset()
    while first - second > timedelta.resolution:
        middle = second + (first - second) / 2
        if middle.astimezone(zone).utcoffset() == before:
            second = middle
        else:
            first = middle
    return first


def instants_of(local: pa.Array, zone: str) -> pa.Array | None:
    """Return the instants of naive local times, or None if Arrow does not know the zone's offset for all of them.

    Args:
        local: Arrow timestamps in microseconds, without a zone.
        zone: The name of the time zone.
    """
    if zone != "UTC":
        latest = pc.max(local).as_py()
        if latest is None or latest >= _ARROW_KNOWS_UNTIL:
            return None
    return pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="latest").cast(INSTANT)


def local_time_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the naive local time at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None)


def offset_change_near(instants: Iterable[datetime], zone: ZoneInfo) -> timedelta:
    """Return the largest change of a zone's offset within three days of one of the instants; mostly zero."""
    largest = timedelta()
    for instant in instants:
        offsets = [
            (instant + near).astimezone(zone).utcoffset() or timedelta()
            for near in (-_NEAR, timedelta(), _NEAR)
        ]
        largest = max(largest, max(offsets) - min(offsets))
    return largest
