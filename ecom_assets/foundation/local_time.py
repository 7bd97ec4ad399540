"""Times on a local clock, which do not name their offset, as instants in UTC, and back.

An hour that a clock shows twice is read as its second time, so that no record is taken for older than a window
that was read before it came to be; a time that a clock skips is the instant at which it skips. Read so, texts
keep their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

INSTANT = pa.timestamp("us", "UTC")
_KNOWN = datetime(2037, 1, 1)
"""From here on Arrow knows no change of a zone's offset."""
_NEAR = timedelta(days=3)
"""A change of a zone's offset is a day at most; what is asked for is rounded by up to a day on top of it."""


def instant_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a naive local time; raises OverflowError outside of the years 1 to 9999."""
    first = moment.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    second = moment.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    if first <= second:
        return second
    # skipped: the clock changed after `second` and not after `first`
    before = second.astimezone(zone).utcoffset()
    while first - second > timedelta.resolution:
        middle = second + (first - second) / 2
        if middle.astimezone(zone).utcoffset() == before:
            second = middle
        else:
            first = middle
    return first


def instants_of(local: pa.Array, zone: str) -> pa.Array | None:
    """Return the instants of naive local times, None where Arrow cannot be relied on for them."""
    if zone != "UTC":
        latest = pc.max(local).as_py()
        if latest is None or latest >= _KNOWN:
            return None
    return pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="latest").cast(INSTANT)


def local_time_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the local clock shows at an instant, as a naive time."""
    return instant.astimezone(zone).replace(tzinfo=None)


def offset_change_near(instants: Iterable[datetime], zone: ZoneInfo) -> timedelta:
    """Return by how much the zone's offset changes within days of these instants, which mostly is not at all."""
    most = timedelta()
    for instant in instants:
        offsets = [
            (instant + near).astimezone(zone).utcoffset() or timedelta()
            for near in (-_NEAR, timedelta(), _NEAR)
        ]
        most = max(most, max(offsets) - min(offsets))
    return most
