"""The checks of instants, of their formats, and of time zones in a declaration."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets.declaration.error_text import format_value, value_error
from ecom_assets.declaration.instant_format import (
    FORMATS,
    VALUE_FORMATS,
    check_value_format,
    resolution_of,
)


def check_instant_format(value: Any) -> str:
    """Check that a text is a named format or a strftime pattern."""
    try:
        if isinstance(value, str):
            resolution_of(value)
            return value
    except ValueError:
        pass
    raise value_error(
        format_value(value), f"{', '.join(FORMATS)} or a strftime pattern such as %Y-%m-%d %H:%M:%S"
    )


def check_format_of_values(value: Any) -> str:
    """Check that a text is a named format of values or a strptime pattern."""
    try:
        if isinstance(value, str):
            check_value_format(value)
            return value
    except (ValueError, re.error):
        pass
    allowed = "a strptime pattern with year, month and day and without %Z, such as %d.%m.%Y %H:%M"
    raise value_error(format_value(value), f"{', '.join(VALUE_FORMATS)} or {allowed}")


def check_time_zone(value: Any) -> str:
    """Check that a text is a name in the time zone database."""
    try:
        return ZoneInfo(value).key
    except Exception:  # a missing zone, a folder of zones and a malformed key raise differently
        raise value_error(format_value(value), "a time zone such as UTC or Europe/Berlin") from None


def to_utc(value: Any) -> datetime:
    """Return a date or a time as an aware datetime in UTC; one without an offset is in UTC."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if not isinstance(value, datetime):
            if not isinstance(value, date):
                raise ValueError
            value = datetime(value.year, value.month, value.day)
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise value_error(
            format_value(value), "a date or a time such as 2026-01-01 or 2026-01-01T06:00:00Z"
        ) from None
