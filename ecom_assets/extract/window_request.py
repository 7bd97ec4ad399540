"""The bounds of a slice as the parameters of a request, in the format and the time zone that the API expects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ecom_assets.declaration.instant_format import resolution_of
from ecom_assets.extract.slices import Slice
from ecom_assets.foundation.local_time import instant_of, local_time_of, offset_change_near

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Incremental


@dataclass(frozen=True)
class WindowRequest:
    """The two parameters that ask for a slice, and the instants that an API may return for them.

    Attributes:
        start: The text of the start parameter; empty for a snapshot.
        end: The text of the end parameter; empty for a snapshot.
        low: The earliest instant that the API may return, in UTC. An earlier record shows that the API ignores
            the start parameter. None if there is no such limit.
        high: The latest instant that the API may return, in UTC. A later record shows that the API ignores the
            end parameter. None if there is no such limit.
        excluded: The instant from which on the bounds `[)` exclude records, in UTC. A record of that instant or
            later shows that the API returns more than `[)` says. None for other bounds.
    """

    start: str
    end: str
    low: datetime | None
    high: datetime | None
    excluded: datetime | None = None


def window_request(slice_: Slice, incremental: Incremental) -> WindowRequest:
    """Return the request for which the API returns every record of a slice, whatever its bounds include.

    The request may ask for more than the slice; `assign_windows` leaves out the records beyond it.

    - The instants are rounded outwards to what the format can express. They are rounded on the local clock,
      because a date in a request is a local date.
    - An exclusive start is moved back by one step of the format.
    - Near a change of the local clock, the same text can mean two instants. There, both ends move outwards.
    """
    if slice_.start is None or slice_.end is None:
        return WindowRequest("", "", None, None)
    grain = resolution_of(incremental.format)
    zone = ZoneInfo(incremental.timezone)
    change = offset_change_near((slice_.start, slice_.end), zone)
    start = _round_to_grain(local_time_of(slice_.start, zone) - 2 * change, grain, up=False)
    end = _round_to_grain(local_time_of(slice_.end, zone) + 2 * change, grain, up=True)
    if incremental.bounds[0] == "(":
        start -= grain
    first, last = instant_of(start, zone), instant_of(end, zone)
    return WindowRequest(
        start=_format_instant(start, first, incremental.format, zone),
        end=_format_instant(end, last, incremental.format, zone),
        # an API that stores more digits than it compares returns up to one grain more
        low=first - 2 * change if incremental.sends_start else None,
        high=last + 2 * change + grain if incremental.sends_end else None,
        excluded=last + 2 * change if incremental.sends_end and incremental.bounds == "[)" else None,
    )


def _round_to_grain(local: datetime, grain: timedelta, *, up: bool) -> datetime:
    rest = (local - datetime.min) % grain
    return local + (grain - rest if up and rest else -rest)


def _format_instant(local: datetime, instant: datetime, form: str, zone: ZoneInfo) -> str:
    """Return the text that the API's parameter expects for a naive local time, which is `instant` in UTC."""
    if form == "iso8601":
        return instant.isoformat().replace("+00:00", "Z")
    seconds = int(instant.timestamp())
    if form in ("unix", "unix_ms"):
        return str(seconds if form == "unix" else seconds * 1000)
    if form == "iso8601_naive":
        return local.isoformat()
    if form == "date":
        return local.date().isoformat()
    # the platform's own %s reads the local time as a time in the zone of the machine
    pattern = re.sub("%.", lambda code: str(seconds) if code[0] == "%s" else code[0], form)
    return local.replace(tzinfo=zone).strftime(pattern)
