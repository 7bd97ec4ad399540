"""Instants in seconds since 1970 UTC, whole ones where they are the sandbox's own, as it reads and writes them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction

DAY = 86_400
"""Seconds of a day in UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)
_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def midnight(day: date) -> int:
    """Return the first second of a day in UTC."""
    return (day - _EPOCH.date()).days * DAY


def written(instant: int) -> str:
    """Return an instant as ISO 8601 in UTC with whole seconds, such as 2026-01-01T00:00:00Z."""
    return datetime.fromtimestamp(instant, timezone.utc).isoformat()[:19] + "Z"


def read(text: str) -> Fraction:
    """Return the seconds of an ISO 8601 instant with all its digits; without an offset it is in UTC.

    A day alone is its midnight. Raises ValueError.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not ISO 8601")
    offset = (found["offset"] or "Z").upper()
    offset = "+00:00" if offset == "Z" else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    fraction = found["fraction"] or "0"
    whole = f"{found['day']}T{found['minute'] or '00:00'}{found['second'] or ':00'}{offset}"
    seconds = (datetime.fromisoformat(whole) - _EPOCH) // _SECOND
    return seconds + Fraction(int(fraction), 10 ** len(fraction))
