"""Instants as the sandbox counts them, whole seconds since 1970 UTC, and as it reads and writes them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

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


def read(text: str) -> int:
    """Return the first whole second at or after an ISO 8601 instant; without an offset it is in UTC.

    A day alone is its midnight. Rounding up keeps both comparisons right, since the sandbox's own instants
    are whole seconds: at or after the instant, and before it. Raises ValueError.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not ISO 8601")
    offset = (found["offset"] or "Z").upper()
    offset = "+00:00" if offset == "Z" else f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"
    fraction = (found["fraction"] or "0")[:6].ljust(6, "0")
    whole = f"{found['day']}T{found['minute'] or '00:00'}{found['second'] or ':00'}.{fraction}{offset}"
    return -((_EPOCH - datetime.fromisoformat(whole)) // _SECOND)
