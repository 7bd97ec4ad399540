"""The formats of an instant in a parameter of an API: their names, and the resolution of each."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

FORMATS = ("iso8601", "iso8601_naive", "date", "unix", "unix_ms")
"""The named formats. Any other format is a strftime pattern."""
VALUE_FORMATS = ("unix", "unix_ms")
"""The named formats of a column's values. Any other format is a strptime pattern."""

_SAMPLE = datetime(2001, 2, 13, 1, 15, 16, tzinfo=timezone.utc)
_RESOLUTIONS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
_LONGER_STEPS = (timedelta(hours=12), timedelta(days=7), timedelta(days=28), timedelta(days=365))


@lru_cache
def resolution_of(instant_format: str) -> timedelta:
    """Return the smallest difference between instants that a format can write: a second, minute, hour or day.

    Args:
        instant_format: One of `FORMATS`, or a strftime pattern.

    Raises:
        ValueError: The pattern writes two instants alike that are further apart than its resolution.
    """
    if instant_format in FORMATS:
        return timedelta(days=1) if instant_format == "date" else timedelta(seconds=1)
    if "%s" in instant_format.replace("%%", ""):
        return timedelta(seconds=1)
    written = _SAMPLE.strftime(instant_format)
    steps = (*_RESOLUTIONS, *_LONGER_STEPS)
    visible_steps = [step for step in steps if (_SAMPLE + step).strftime(instant_format) != written]
    resolution = next((step for step in _RESOLUTIONS if step in visible_steps), None)
    if resolution is None or any(step > resolution and step not in visible_steps for step in steps):
        raise ValueError(f"{instant_format} does not tell every day from every other")
    return resolution


@lru_cache
def check_value_format(value_format: str) -> None:
    """Check the format of a column's values.

    Raises:
        ValueError: The format is neither one of `VALUE_FORMATS` nor a strptime pattern that tells every day. A
            pattern with %Z is refused too, because Python reads no zone from it.
    """
    if value_format in VALUE_FORMATS:
        return
    if "%Z" in value_format.replace("%%", ""):
        raise ValueError("%Z is not allowed")
    parsed = datetime.strptime(_SAMPLE.strftime(value_format), value_format)
    if parsed.date() != _SAMPLE.date():
        raise ValueError(f"{value_format} does not tell every day from every other")
