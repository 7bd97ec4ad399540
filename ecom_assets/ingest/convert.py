"""Values of JSON to Arrow arrays of a declared type: whole columns at once, single values where that fails.

Types are converted, never guessed. Which column has which type, and what becomes of a row whose value does not
convert, is `contract`'s.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.ingest.declaration import Column

INSTANT = pa.timestamp("us", "UTC")
_SHOWN = 60
_MILLISECONDS = 1e11
"""From here on a number is milliseconds since 1970, not seconds: 1e11 seconds lie in the year 5138."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?"
)
_NAMES = {
    "bigint": "a whole number of 64 bits",
    "double": "a number",
    "bool": "true or false",
    "timestamp": "an instant",
    "date": "a date",
    "time": "a time",
    "text": "a text",
    "binary": "a base64 text",
}
_WHOLE: dict[str, set[type]] = {"bigint": {int}, "double": {int, float}, "bool": {bool}}
"""The Python types that Arrow takes for one of ours as they are; for the others it is `str`."""
_PLAIN: dict[str, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": INSTANT,
    "date": pa.date32(),
    "time": pa.time64("us"),
    "json": pa.string(),
    "binary": pa.binary(),
}


@dataclass(frozen=True)
class Converted:
    """An array, null where a value is null or does not convert, and the reasons of the latter by position."""

    array: pa.Array
    wrong: dict[int, str] = field(default_factory=dict)


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; a timestamp is in UTC microseconds, JSON is its text."""
    if column.data_type == "decimal":
        return pa.decimal128(column.precision or 38, 9 if column.scale is None else column.scale)
    return _PLAIN[column.data_type]


def convert(values: Sequence[Any], column: Column, zone: str = "UTC") -> Converted:
    """Return the values as the column's type; `zone` is that of instants which name none.

    An empty or blank text is null unless the type is text or JSON.
    """
    kinds = set(map(type, values))
    try:
        array = _whole(values, kinds, column, zone)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        array = None
    return _one_by_one(values, column, zone) if array is None else Converted(array)


def instants(values: Sequence[Any], zone: str = "UTC") -> pa.Array:
    """Return the values as instants in UTC, null where they are none."""
    column = Column.model_construct(name="instant", data_type="timestamp")
    return convert(values, column, zone).array


def _whole(values: Sequence[Any], kinds: set[type], column: Column, zone: str) -> pa.Array | None:
    """Convert all values at once, None where they are of kinds that need a look at each."""
    kind, target = column.data_type, arrow_type(column)
    kinds = kinds - {type(None)}
    if not kinds:
        return pa.nulls(len(values), target)
    if kind == "json":
        return pa.array([None if value is None else json_text(value) for value in values], target)
    allowed = _WHOLE.get(kind, {str})
    if kind == "decimal" and kinds <= {int, float, str, Decimal}:
        # the text of a number counts, so 0.1 is one tenth and not the double next to it
        return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(target)
    if not kinds <= allowed or kind == "binary":
        return None
    if kind in ("timestamp", "date", "time"):
        texts = pa.array(values, pa.string())
        if kind != "timestamp":
            return texts.cast(target)
        return _instants(texts, zone)
    array = pa.array(values, target)
    return None if kind == "double" and not _exact(array, kinds) else array


def _exact(array: pa.Array, kinds: set[type]) -> bool:
    """Tell whether all numbers are finite, and no whole number was too long for a double."""
    if not pc.all(pc.is_finite(array)).as_py():
        return False
    return int not in kinds or bool(pc.all(pc.less_equal(pc.abs(array), 2.0**53)).as_py())


def _instants(texts: pa.Array, zone: str) -> pa.Array:
    """Parse ISO 8601 texts that all have an offset, or all have none."""
    try:
        return texts.cast(INSTANT)
    except pa.ArrowInvalid:
        if not pc.all(pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$")).as_py():
            raise
        local = texts.cast(pa.timestamp("us"))
        return pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest").cast(INSTANT)


def _one_by_one(values: Sequence[Any], column: Column, zone: str) -> Converted:
    """Convert value by value, and say of each that does not convert why."""
    kind, target = column.data_type, arrow_type(column)
    function: Callable[[Any], Any]
    if kind == "decimal":
        function = _to_decimal(target)
    elif kind == "timestamp":
        function = _to_instant(ZoneInfo(zone))
    else:
        function = _FUNCTIONS[kind]
    found: list[Any] = []
    wrong: dict[int, str] = {}
    for position, value in enumerate(values):
        result = None
        if value is not None and not (kind not in ("text", "json") and isinstance(value, str) and not value.strip()):
            try:
                result = function(value)
            except (ValueError, TypeError, ArithmeticError, OverflowError):
                result = None
            if result is None:
                name = str(target).replace("128", "").replace(" ", "") if kind == "decimal" else _NAMES[kind]
                wrong[position] = f"{shown(value)} is not {'a ' if kind == 'decimal' else ''}{name}"
        found.append(result)
    return Converted(pa.array(found, target), wrong)


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
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, default=str)
        return text


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


def _to_decimal(target: pa.Decimal128Type) -> Callable[[Any], Decimal | None]:
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


def _to_instant(zone: ZoneInfo) -> Callable[[Any], datetime | None]:
    """Return a conversion of ISO 8601 texts and of numbers since 1970 to instants in UTC."""

    def to_instant(value: Any) -> datetime | None:
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


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "bigint": _to_bigint,
    "double": _to_double,
    "bool": _to_bool,
    "text": _to_text,
    "date": _to_date,
    "time": _to_time,
    "json": json_text,
    "binary": _to_binary,
}
