"""How long to wait before a request is sent again: the time that the API asks for, else a growing backoff.

APIs name that time in several headers, as seconds, milliseconds, a duration, a date or an instant. See
`ecom_assets.foundation.retry_statuses` for the statuses that are retried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from requests import Response

from ecom_assets.declaration.api.retry import RetryAfter
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_path import find_values
from ecom_assets.foundation.retry_statuses import THROTTLE_STATUSES

LONGEST_WAIT = 60.0
"""The most seconds that a run waits before one try.

A longer Retry-After ends the reading, and what was read is loaded. A longer backoff is shortened to this.
"""

_INSTANTS_FROM = 1e9
"""A number from here on is no wait but an instant in Unix time: as seconds, it would be a wait of 31 years."""

_MILLISECONDS_FROM = 1e12
"""An instant from here on is in milliseconds."""

_NUMBER = re.compile(r"\d{1,13}(\.\d+)?")
_DURATION = re.compile(
    r"(?=\d)(?:(\d{1,6})\s*h(?:(?:ou)?rs?)?(?![a-z])\s*)?(?:(\d{1,6})\s*m(?:in(?:ute)?s?)?(?![a-z])\s*)?"
    r"(?:(\d{1,9}(?:\.\d+)?)\s*(m(?:illi)?s(?:ec(?:ond)?s?)?|s(?:ec(?:ond)?s?)?))?",
    re.IGNORECASE,
)
"""A duration such as `1m30s`, `250ms` or `30 seconds`."""
_CLOCK = re.compile(r"(\d{1,3}):(\d\d):(\d\d)")
_SEVERAL = re.compile(r"\d{1,9}(?:\.\d+)?(?:\s*,\s*\d{1,9}(?:\.\d+)?)+")
"""Several waits in one header: a proxy may add its own to that of the API."""
_LIMIT_FIELD = re.compile(r"(?:^|[;,\s])(t|reset|r|remaining)=(\d{1,13})(?![\d.])")
"""A part of a RateLimit header, such as `"default";r=0;t=30` or `limit=9, remaining=0, reset=30`."""
_WAITS = (("Retry-After-Ms", 0.001), ("X-MS-Retry-After-Ms", 0.001), ("Retry-After", 1.0))
"""Headers that say how long to wait, with the seconds of their unit."""

_RESETS = ("X-RateLimit-Reset", "X-Rate-Limit-Reset", "RateLimit-Reset")
_REMAINING = ("X-RateLimit-Remaining", "X-Rate-Limit-Remaining", "RateLimit-Remaining")
_ABOUT_A_LIMIT = THROTTLE_STATUSES | {503}
"""Statuses with which a reset counts even if the API does not say that its limit is used up."""


def retry_after(response: Response, declared: RetryAfter | None = None) -> float | None:
    """Return the seconds, 0 or more, that a response asks to wait; None if it names no usable time.

    Args:
        response: A response whose status may be temporary.
        declared: Where the API names the time, if it is in none of the usual headers.
    """
    now = _now(response)
    if declared is not None:
        unit = 0.001 if declared.unit == "milliseconds" else 1.0
        wait = _parse_wait(_declared_value(response, declared), now, unit)
        if wait is not None:
            return max(0.0, wait)
    for name, unit in _WAITS:
        wait = _parse_wait(response.headers.get(name), now, unit)
        if wait is not None:
            return max(0.0, wait)
    return _limit_reset(response, now)


def backoff(factor: float, tries: int) -> float:
    """Return the seconds to wait after this many failed tries: 1, 2, 4 … times the factor, LONGEST_WAIT at most."""
    return min(factor * 2.0 ** (tries - 1), LONGEST_WAIT)


def _limit_reset(response: Response, now: datetime) -> float | None:
    """Return the seconds until a rate limit is reset, None if no limit is used up, or its reset is over.

    Many APIs send these headers with every response. Most statuses are about the limit only if the API says that
    nothing is left of it.
    """
    headers = response.headers
    # `reset=30` or, in later drafts, `t=30`
    parts = {name[:3]: value for name, value in _LIMIT_FIELD.findall(headers.get("RateLimit", ""))}
    remaining = next(
        (headers[name].strip() for name in _REMAINING if name in headers),
        parts.get("rem", parts.get("r", "")),
    )
    is_used_up = re.fullmatch(r"0+(\.0+)?", remaining) is not None
    if not is_used_up and (remaining or response.status_code not in _ABOUT_A_LIMIT):
        return None
    after = headers.get("X-RateLimit-Reset-After", "").strip()
    # seconds at most APIs, with a fraction where they matter; milliseconds at some
    after_unit = 0.001 if re.fullmatch(r"\d{4,}", after) else 1.0
    in_parts = parts.get("res", parts.get("t"))
    for value, unit in (
        *((headers.get(name), 1.0) for name in _RESETS),
        (in_parts, 1.0),
        (after, after_unit),
    ):
        wait = _parse_wait(value, now, unit)
        if wait is not None and wait > 0:
            return wait
    return None


def _parse_wait(value: Any, now: datetime, unit: float) -> float | None:
    """Return the seconds that a value means, less than 0 for an instant in the past; None for an unusable value.

    Args:
        value: A number, or a text with a number, a duration, a date or an instant.
        now: The present by the API's clock.
        unit: The seconds of a plain number's unit.
    """
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip().strip('"')
    if _SEVERAL.fullmatch(text):
        return max(float(number) for number in text.split(",")) * unit
    if clock := _CLOCK.fullmatch(text):
        text = "{}h{}m{}s".format(*clock.groups())
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number < _INSTANTS_FROM:
            return number * unit
        return (number / 1000 if number >= _MILLISECONDS_FROM else number) - now.timestamp()
    if (duration := _DURATION.fullmatch(text.removeprefix("PT"))) is not None:
        hours, minutes, seconds, suffix = duration.groups()
        rest = float(seconds or 0) * (0.001 if (suffix or "")[:1].lower() == "m" else 1.0)
        return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + rest
    readers: tuple[Callable[[str], datetime], ...] = (_iso_instant, parsedate_to_datetime)
    for read in readers:
        try:
            return (_aware(read(text)) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _iso_instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 text; raises ValueError for anything else, and for a date without a time."""
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", text):
        raise ValueError("no instant")
    # Python 3.10 knows neither Z nor a fraction of other than three or six digits
    whole = re.sub(r"\.\d+", "", text)
    return datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", whole))


def _now(response: Response) -> datetime:
    """Return the present by the API's clock, which its instants refer to; by the own clock if it does not tell."""
    try:
        return _aware(parsedate_to_datetime(response.headers.get("Date", "")))
    except (ValueError, TypeError):
        return datetime.now(timezone.utc)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _declared_value(response: Response, declared: RetryAfter) -> Any:
    """Return what the declared header or path holds, None for nothing."""
    if declared.header is not None:
        return response.headers.get(declared.header)
    try:
        found = find_values(declared.path or "", response.json())
    except ApiError:  # the body is not JSON
        return None
    return found[0] if found else None
