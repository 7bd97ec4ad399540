"""Values of the cursor of an open-ended resource: as the API writes them, as a text of the ledger, and moved back.

A cursor goes back to the API as the API wrote it, as in dlt. The typed value of its column only tells which one of two
is greater.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ecom_assets.contract.conversion import convert
from ecom_assets.contract.value_conversion import MILLISECONDS
from ecom_assets.declaration.reading import Column

_WHOLE = re.compile(r"-?\d{1,19}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DAY = timedelta(days=1)


def cursor_text(value: Any) -> str:
    """Return a cursor value as the text that the ledger keeps."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def cursor_value(given: Any, column: Column) -> Any:
    """Return a cursor value as the API writes it: a number where the column is of numbers, or else a text.

    Args:
        given: A text of the ledger or of a user, or a value of a declaration.
        column: The cursor.
    """
    text = given if isinstance(given, str) else cursor_text(given)
    text = text.strip()
    if column.data_type == "text":
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if column.data_type == "double" and _NUMBER.fullmatch(text):
        return float(text)
    return text


def comparable(values: Sequence[Any], column: Column, zone: str) -> list[Any]:
    """Return values of a cursor in the type of its column, so that they compare; None where one does not convert."""
    found: list[Any] = convert(values, column, zone).array.to_pylist()
    return found


def moved_back(
    value: Any, column: Column, zone: str, *, lag: float = 0, lookback: float = 0, step: bool = False
) -> Any:
    """Return a cursor value further back, in the form of the value. A text that is no instant stays.

    Args:
        value: The value, as the API writes it.
        column: The cursor.
        zone: The time zone of instants without an offset.
        lag: How far: seconds of an instant, days of a date, or else the difference of numbers.
        lookback: Seconds; the further one of the two counts. A number of 12 digits or more is of milliseconds.
        step: Whether to go one step further, because the API excludes the start: a second, a day, or 1.
    """
    if not (lag or lookback or step):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = 1000 if abs(value) >= MILLISECONDS else 1
        back = max(lag, lookback * unit) + step
        return value - (int(-(-back // 1)) if isinstance(value, int) else back)
    if column.data_type in ("decimal", "double"):
        return str(Decimal(value) - Decimal(str(max(lag, lookback))) - step)
    instant = comparable([value], column, zone)[0]
    if not isinstance(instant, date):
        return value
    if not isinstance(instant, datetime) or _DATE.fullmatch(str(value)):
        day = instant.date() if isinstance(instant, datetime) else instant
        days = max(lag, -(-lookback // _DAY.total_seconds())) + step
        return (day - timedelta(days=days)).isoformat()
    return in_form_of(value, instant - timedelta(seconds=max(lag, lookback) + step), zone, instant)


def in_form_of(value: str, instant: datetime, zone: str, of_value: datetime) -> str:
    """Return an instant, in UTC, in the form in which the text `value` writes the instant `of_value`."""
    try:
        written = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", value))
    except ValueError:
        return instant.isoformat().replace("+00:00", "Z")
    moved = written + (instant - of_value)
    separator = value[10] if len(value) > 10 else "T"
    text = moved.isoformat(separator)
    return re.sub(r"\+00:00$", "Z", text) if value[-1:] in "zZ" else text
