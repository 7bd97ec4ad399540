"""Value conversion: single JSON values become Python values of a declared type, or None if they do not convert.

This is the slow way, for a column that Arrow does not convert as a whole. See `ecom_assets.contract.conversion` for
the fast way. Both give the same values.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets.foundation.json_text import json_text, storable_json
from ecom_assets.foundation.local_time import instant_of

MILLISECONDS = 100_000_000_000
"""A number from here on is in milliseconds since 1970, not in seconds: 1e11 seconds are in the year 5138."""
_EXACT = Context(prec=MAX_PREC, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
_INSTANT = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)(?:[T ]{_CLOCK})?\s*(?:(Z|z|UTC|GMT)|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?",
    re.ASCII,
)
_ZERO_DATE = re.compile(r"0000-00-00(?:[T ]00:00(?::00(?:[.,]0+)?)?)?\s*(?:Z|UTC|GMT|[+-]00:?00)?", re.ASCII)
"""What some databases write for no date."""
_RFC_2822 = re.compile(
    r"(?:[A-Za-z]{3,9},? )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)? "
    r"(?:GMT|UTC?|Z|[ECMP][SD]T|[+-]\d{4})(?: \(.*\))?",
    re.ASCII,
)
_JSON_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
"""Milliseconds since 1970 as .NET writes them. The offset is for display only."""
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?", re.ASCII)
_SINCE_1970 = re.compile(r"-?\d{9,13}(\.\d+)?", re.ASCII)
"""Seconds or milliseconds as a text. A day written as 20260327 is shorter."""
UNIX_FORMATS: Mapping[str, int] = {"unix": 1_000_000, "unix_ms": 1_000}
"""The microseconds of one unit of each named format of a number since 1970."""


def _number(value: Any) -> Decimal | None:
    """Return a number, or the number that a text is, with all its digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        return None
    text = str(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def to_decimal_of(precision: int, scale: int, *, rounds: bool = False) -> Callable[[Any], Decimal | None]:
    """Return a conversion to a decimal. A value with too many digits does not convert, so no digit is lost.

    Args:
        precision: The most digits in all.
        scale: The most digits after the point.
        rounds: Whether more digits after the point are rounded, half to even.
    """

    def to_decimal(value: Any) -> Decimal | None:
        number = _number(value)
        if number is None or not number.is_finite():
            return None
        if rounds and number and -int(number.as_tuple().exponent) > scale:
            if number.adjusted() < -scale - 1:
                return Decimal(0)
            number = _EXACT.quantize(number, Decimal(1).scaleb(-scale))
        if not number:
            return Decimal(0)
        sign, digits, exponent = number.as_tuple()
        text = "".join(map(str, digits))
        kept = text.rstrip("0")
        power = int(exponent) + len(text) - len(kept)
        # compared before it is used, because a power may be of any size
        if -power > scale or len(kept) + power > precision - scale:
            return None
        return Decimal((sign, tuple(map(int, kept)), power))

    return to_decimal


_to_whole_number = to_decimal_of(19, 0)


def _to_bigint(value: Any) -> int | None:
    if type(value) is not int:
        number = _to_whole_number(value)
        if number is None:
            return None
        value = int(number)
    return value if -(2**63) <= value < 2**63 else None


def _to_double(value: Any) -> float | None:
    number = None if _number(value) is None else float(value)
    return number if number is not None and math.isfinite(number) else None


def _to_bool(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _to_text(value: Any) -> str | None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate cannot be stored
        return value
    return json_text(value) if isinstance(value, bool) or _number(value) is not None else None


def to_instant_in(zone: ZoneInfo) -> Callable[[Any], datetime | None]:
    """Return a conversion of texts and of numbers since 1970 to instants in UTC.

    Texts are in ISO 8601 or RFC 2822, or `/Date(…)/`. Numbers are seconds or milliseconds, also as texts.

    A text without an offset is a local time of `zone`. Digits beyond microseconds are cut off.
    """

    def to_instant(value: Any) -> datetime | None:
        if not isinstance(value, str) or _SINCE_1970.fullmatch(value.strip()):
            return _since_1970(value)
        text = value.strip()
        match = _INSTANT.fullmatch(text)
        if match is None:
            return _other_instant(text)
        day, hour, minute, second, fraction, utc, sign, hours, minutes = match.groups()
        moment = datetime.combine(date.fromisoformat(day), _time_of_day(hour, minute, second, fraction))
        if utc is None and sign is None:
            return instant_of(moment, zone)
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return (moment + shift if sign == "-" else moment - shift).replace(tzinfo=timezone.utc)

    return to_instant


def is_zero_date(value: Any) -> bool:
    """Tell whether a value is `0000-00-00`, alone or with a time of zero: what some databases write for no date."""
    return isinstance(value, str) and _ZERO_DATE.fullmatch(value.strip()) is not None


def from_format(pattern: str, zone: ZoneInfo, *, is_date: bool) -> Callable[[Any], date | None]:
    """Return a conversion of values in a declared format to instants in UTC, or to dates.

    Args:
        pattern: `unix`, `unix_ms` or a strptime pattern.
        zone: The time zone of texts without an offset.
        is_date: Whether the column is a date, not an instant.
    """

    def convert(value: Any) -> date | None:
        if pattern in UNIX_FORMATS:
            moment = _since_1970(value, UNIX_FORMATS[pattern])
            return moment.astimezone(zone).date() if moment and is_date else moment
        if type(value) is int:
            value = str(value)  # a day such as 20260327
        if not isinstance(value, str):
            return None
        parsed = datetime.strptime(value.strip(), pattern)
        if is_date:
            return parsed.date()
        return parsed.astimezone(timezone.utc) if parsed.tzinfo else instant_of(parsed, zone)

    return convert


def _other_instant(text: str) -> datetime | None:
    """Return the instant that a text in RFC 2822 or `/Date(…)/` is."""
    if found := _JSON_DATE.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    if _RFC_2822.fullmatch(text):
        # the zone of a text without an offset, which ends in -0000, is UTC
        moment = parsedate_to_datetime(re.sub(r" (?:UTC?|Z)$", " GMT", text))
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    return None


def _since_1970(value: Any, scale: int | None = None) -> datetime | None:
    """Return the instant of a number since 1970. `scale` are the microseconds of its unit, by default by its size."""
    number = _number(value)
    if number is None or (number and number.adjusted() > 18):
        return None
    if scale is None:
        scale = 1_000 if abs(number) >= MILLISECONDS else 1_000_000
    return _EPOCH + timedelta(microseconds=math.floor(number * scale))


def _time_of_day(hour: str | None, minute: str | None, second: str | None, fraction: str | None) -> time:
    micros = ((fraction or "") + "000000")[:6]
    return time(int(hour or 0), int(minute or 0), int(second or 0), int(micros))


def _to_date(value: Any) -> date | None:
    """Return the date of a day, or of a midnight at any offset."""
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or _time_of_day(*match.groups()[1:5]) != time() or int(match[5] or 0):
        return None
    return date.fromisoformat(match[1])


def _to_time(value: Any) -> time | None:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    return _time_of_day(*match.groups()) if match else None


def _to_binary(value: Any) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except binascii.Error:
        return None


def _for_every_column(function: Callable[[Any], Any]) -> Callable[[Any, str], Callable[[Any], Any]]:
    return lambda target, zone: function


CONVERTERS: Mapping[str, Callable[[Any, str], Callable[[Any], Any]]] = {
    "text": _for_every_column(_to_text),
    "bigint": _for_every_column(_to_bigint),
    "double": _for_every_column(_to_double),
    "bool": _for_every_column(_to_bool),
    "decimal": lambda target, zone: to_decimal_of(target.precision, target.scale),
    "timestamp": lambda target, zone: to_instant_in(ZoneInfo(zone)),
    "date": _for_every_column(_to_date),
    "time": _for_every_column(_to_time),
    "json": _for_every_column(storable_json),
    "binary": _for_every_column(_to_binary),
}
"""For each type of a column, by name: makes the conversion of one value from the column's Arrow type and the zone of
instants that name none."""
