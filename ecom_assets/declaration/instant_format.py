"""The formats in which an API takes an instant in a parameter: which there are, and how fine each is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

FORMATS = ("iso8601", "iso8601_naive", "date", "unix", "unix_ms")
"""The named ones, beside which there are strftime patterns."""

_MOMENT = datetime(2001, 2, 13, 1, 15, 16, tzinfo=timezone.utc)
_GRAINS = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
_MORE = (timedelta(hours=12), timedelta(days=7), timedelta(days=28), timedelta(days=365))


@lru_cache
def resolution_of(form: str) -> timedelta:
    """Return the smallest step that a format can write, a second to a day.

    Raises ValueError for a pattern that writes two instants alike which lie further apart than that.
    """
    if form in FORMATS:
        return timedelta(days=1) if form == "date" else timedelta(seconds=1)
    if "%s" in form.replace("%%", ""):
        return timedelta(seconds=1)
    written = _MOMENT.strftime(form)
    told = [step for step in (*_GRAINS, *_MORE) if (_MOMENT + step).strftime(form) != written]
    grain = next((step for step in _GRAINS if step in told), None)
    if grain is None or any(step > grain and step not in told for step in (*_GRAINS, *_MORE)):
        raise ValueError(f"{form} does not tell every day from every other")
    return grain
