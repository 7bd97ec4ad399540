"""Single values of JSON to Python values of a declared type, None for a value that does not convert.

The slow way, for the values of a column that Arrow does not convert as a whole; that is `convert`'s.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa

_SHOWN = 60
_MILLISECONDS = 1e11
"""From here on a number is milliseconds since 1970, not seconds: 1e11 seconds lie in the year 5138."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?"
)
_SINCE_1970 = re.compile(r"\d{9,13}(\.\d+)?")
"""Seconds or milliseconds as a text; a day written as 20260327 is shorter."""


def shown(value: Any) -> str:
    """Return a value for a reason, cut where it is long."""
    text = repr(value) if isinstance(value, str) else json_text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def json_text(value: Any) -> str:
    """Return a value as compact JSON; a Decimal is written with all its digits."""
    try:
        return orjson.dumps(value, default=_number).decode()
    except (TypeError, ValueError, RecursionError):
        # numbers beyond 64 bits and broken surrogates
        return json.dumps(value, separators=(",", ":"), default=str)


def _number(value: Any) -> Any:
    return orjson.Fragment(str(value)) if isinstance(value, Decimal) else str(value)


def _to_bigint(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    number = value if isinstance(value, int) else Decimal(str(value).strip())
    whole = int(number)
    return whole if whole == number and -(2**63) <= whole < 2**63 else None


def _to_double(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    number = float(value)
    return number if number - number == 0 else None


def _to_bool(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _to_text(value: Any) -> str | None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate cannot be stored
        return value
    return json_text(value) if isinstance(value, (bool, int, float, Decimal)) else None


def to_decimal_of(target: pa.Decimal128Type) -> Callable[[Any], Decimal | None]:
    """Return a conversion that loses no digit; one digit too many is a wrong value."""

    def to_decimal(value: Any) -> Decimal | None:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
            return None
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            return None
        if not number.is_finite():
            return None
        sign, digits, exponent = number.as_tuple()
        while digits and digits[-1] == 0 and len(digits) > 1:
            digits, exponent = digits[:-1], int(exponent) + 1
        if digits == (0,):
            return Decimal(0)
        whole = len(digits) + int(exponent)
        if -int(exponent) > target.scale or whole > target.precision - target.scale:
            return None
        return Decimal((sign, digits, int(exponent)))

    return to_decimal


def to_instant_in(zone: ZoneInfo) -> Callable[[Any], datetime | None]:
    """Return a conversion of ISO 8601 texts and of numbers since 1970 to instants in UTC."""

    def to_instant(value: Any) -> datetime | None:
        if isinstance(value, str) and _SINCE_1970.fullmatch(value.strip()):
            value = Decimal(value.strip())
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            scale = 1_000 if abs(float(value)) >= _MILLISECONDS else 1_000_000
            return _EPOCH + timedelta(microseconds=int(Decimal(str(value)) * scale))
        match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return None
        day, clock, seconds, fraction, offset = match.groups()
        micros = ((fraction or "") + "000000")[:6]
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}:{seconds or '00'}.{micros}")
        if offset is None:
            return moment.replace(tzinfo=zone).astimezone(timezone.utc)
        digits = offset[1:].replace(":", "") or "00"
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        return (moment - (-shift if offset[0] == "-" else shift)).replace(tzinfo=timezone.utc)

    return to_instant


def _to_date(value: Any) -> date | None:
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (match[2] or "00:00") != "00:00" or (match[3] or "00") != "00" or int(match[4] or 0):
        return None
    return date.fromisoformat(match[1])


def _to_time(value: Any) -> time | None:
    moment = time.fromisoformat(value.strip()) if isinstance(value, str) else None
    return moment if moment and moment.tzinfo is None else None


def _to_binary(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except binascii.Error:
        return None


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "bigint": _to_bigint,
    "double": _to_double,
    "bool": _to_bool,
    "text": _to_text,
    "date": _to_date,
    "time": _to_time,
    "json": json_text,
    "binary": _to_binary,
}
