"""Instants in seconds since 1970 UTC: how the sandbox reads and writes them as text.

The sandbox's own instants are whole seconds; those of requests and edited records may have fractions.
"""

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


def iso_text(instant: int) -> str:
    """Return an instant as ISO 8601 in UTC with whole seconds, such as 2026-01-01T00:00:00Z."""
    return datetime.fromtimestamp(instant, timezone.utc).isoformat()[:19] + "Z"


def parse_iso(text: str) -> Fraction:
    """Return the seconds of an ISO 8601 instant with all its digits. UTC without an offset; a day means its midnight.

    Raises:
        ValueError: The text is not ISO 8601.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not ISO 8601")
    offset = (match["offset"] or "Z").upper()
    offset = "+00:00" if offset == "Z" else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    fraction = match["fraction"] or "0"
    whole = f"{match['day']}T{match['minute'] or '00:00'}{match['second'] or ':00'}{offset}"
    seconds = (datetime.fromisoformat(whole) - _EPOCH) // _SECOND
    return seconds + Fraction(int(fraction), 10 ** len(fraction))
