"""Conversion of JSON values to Arrow arrays of a declared type: whole columns at once, or value by value.

The fast way takes a whole column. It fails as soon as one value needs a closer look; then each value is converted by
`ecom_assets.contract.value_conversion`. Types are never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.contract.value_conversion import (
    CONVERTERS,
    MILLISECONDS,
    from_format,
    is_zero_date,
    to_decimal_of,
)
from ecom_assets.declaration.column_types import COLUMN_TYPES, ColumnType, DataType
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.json_text import shorten_value, storable_json
from ecom_assets.foundation.local_time import INSTANT, instant_of, instants_of

_FIRST = datetime(1, 1, 2, tzinfo=timezone.utc)
_LAST = datetime(9999, 12, 30, tzinfo=timezone.utc)
"""The last instant that is in the years 1 to 9999 in every time zone; `_FIRST` is the first one."""
_MOST = 253_402_300_799_999
"""Milliseconds since 1970 at the end of the year 9999. Microseconds of later instants need not fit into 64 bits."""
_DIGITS = 38


@dataclass(frozen=True)
class Converted:
    """A converted column.

    Attributes:
        array: The values; null where a value is null or does not convert.
        wrong: Why a value does not convert, by position.
    """

    array: pa.Array
    wrong: dict[int, str] = field(default_factory=dict)


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; a timestamp is in UTC microseconds, JSON is its text."""
    return _arrow_type(column.data_type, column.precision, column.scale)


@lru_cache
def _arrow_type(data_type: DataType, precision: int | None, scale: int | None) -> pa.DataType:
    return COLUMN_TYPES[data_type].arrow_type(precision, scale)


def convert(values: Sequence[Any], column: Column, zone: str = "UTC") -> Converted:
    """Return values converted to a column's type.

    An empty or blank text is null, unless the type is text or JSON.

    Args:
        values: The JSON values.
        column: The column.
        zone: The time zone of instants without an offset, unless the column has one of its own.
    """
    kinds = set(map(type, values))
    zone = column.timezone or zone
    try:
        array = _convert_column(values, kinds, column, zone)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        array = None
    return _convert_each(values, column, zone) if array is None else Converted(array)


def cursor_instants(values: Sequence[Any], column: Column, zone: str = "UTC") -> pa.Array:
    """Return the values of a cursor as instants in UTC, null exactly where a value does not convert.

    A date becomes its midnight in `zone`. A date or a number outside of the years 1 to 9999 becomes their first or
    last instant.
    """
    return instants_of_cursor(convert(values, column, zone).array, column, zone)


def instants_of_cursor(array: pa.Array, column: Column, zone: str = "UTC") -> pa.Array:
    """Return the converted values of a cursor as instants in UTC, as `cursor_instants` does."""
    if column.data_type == "bigint":
        micros = _since_1970(_clamp(array, -_MOST, _MOST))
        return _clamp(micros, *(int(end.timestamp()) * 1_000_000 for end in (_FIRST, _LAST))).cast(INSTANT)
    if column.data_type == "date":
        days = _clamp(array, _FIRST.date(), _LAST.date()).cast(pa.timestamp("us"))
        midnights = instants_of(days, zone)
        if midnights is None:
            info = ZoneInfo(zone)
            midnights = pa.array([day and instant_of(day, info) for day in days.to_pylist()], INSTANT)
        return midnights
    return array


def _convert_column(values: Sequence[Any], kinds: set[type], column: Column, zone: str) -> pa.Array | None:
    """Return all values converted at once, None if each value needs a look. `kinds` are their Python types."""
    kind, target = column.data_type, arrow_type(column)
    kinds = kinds - {type(None)}
    if not kinds:
        return pa.nulls(len(values), target)
    if column.format is not None:
        return None
    if kind == "json":
        return pa.array([None if value is None else storable_json(value) for value in values], target)
    if kind == "decimal" and kinds <= COLUMN_TYPES[kind].python_types:
        return _parse_decimals(values, target)
    if kind == "timestamp" and kinds == {int}:
        numbers = pa.array(values, pa.int64())
        return _in_range(_since_1970(numbers).cast(INSTANT)) if _within(numbers, -_MOST, _MOST) else None
    if not kinds <= COLUMN_TYPES[kind].python_types:
        return None
    if kind == "timestamp":
        instants = _parse_instants(pa.array(values, pa.string()), zone)
        return None if instants is None else _in_range(instants)
    if kind in ("date", "time"):
        array = pa.array(values, pa.string()).cast(target)
        return _in_range(array) if kind == "date" else array
    array = pa.array(values, target)
    return None if kind == "double" and not _is_exact(array, kinds) else array


def _parse_decimals(values: Sequence[Any], target: pa.DataType) -> pa.Array | None:
    """Return parsed decimals, None if one may be too long for 128 bits: Arrow would take only a part of it."""
    # parsed from the text of a number, so 0.1 is one tenth and not the nearest double
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    if pc.max(pc.utf8_length(texts)).as_py() > _DIGITS - target.scale:
        return None
    if pc.any(pc.match_substring(texts, "e", ignore_case=True)).as_py():
        return None
    return texts.cast(target)


def _is_exact(array: pa.Array, kinds: set[type]) -> bool:
    """Tell whether all numbers are finite, and no whole number is too long for a double."""
    if not pc.all(pc.is_finite(array)).as_py():
        return False
    return int not in kinds or bool(pc.all(pc.less_equal(pc.abs(array), 2.0**53)).as_py())


def _parse_instants(texts: pa.Array, zone: str) -> pa.Array | None:
    """Return parsed ISO 8601 texts that all have an offset, or all have none. None if Arrow cannot parse them."""
    try:
        return texts.cast(INSTANT)
    except pa.ArrowInvalid:
        if not pc.all(
            pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$")
        ).as_py():
            raise
        return instants_of(texts.cast(pa.timestamp("us")), zone)


def _since_1970(numbers: pa.Array) -> pa.Array:
    """Return microseconds since 1970 for seconds, or for milliseconds if a number is that large."""
    in_milliseconds = pc.greater_equal(pc.abs(numbers), MILLISECONDS)
    return pc.if_else(in_milliseconds, pc.multiply(numbers, 1_000), pc.multiply(numbers, 1_000_000))


def _clamp(array: pa.Array, low: Any, high: Any) -> pa.Array:
    """Return the values, with those outside of the range moved to its nearest end."""
    low, high = pa.scalar(low, array.type), pa.scalar(high, array.type)
    array = pc.if_else(pc.less(array, low), low, array)
    return pc.if_else(pc.greater(array, high), high, array)


def _within(array: pa.Array, low: Any, high: Any) -> bool:
    ends = pc.min_max(array)
    return bool(
        pc.greater_equal(ends["min"], pa.scalar(low, array.type)).as_py()
        and pc.less_equal(ends["max"], pa.scalar(high, array.type)).as_py()
    )


def _in_range(array: pa.Array) -> pa.Array | None:
    """Return dates or instants, None if one may lie outside of the years 1 to 9999. Arrow allows more years."""
    ends = (_FIRST, _LAST) if array.type == INSTANT else (_FIRST.date(), _LAST.date())
    return array if _within(array, *ends) else None


def _convert_each(values: Sequence[Any], column: Column, zone: str) -> Converted:
    """Return values converted one by one, with the reason for each that does not convert."""
    column_type, target = COLUMN_TYPES[column.data_type], arrow_type(column)
    function = _converter(column, target, zone)
    size = {"precision": target.precision, "scale": target.scale} if column_type.has_size else {}
    allowed = column_type.phrase.format(**size) + (f" in the format {column.format}" if column.format else "")
    found: list[Any] = []
    wrong: dict[int, str] = {}
    for position, value in enumerate(values):
        result = None
        if value is not None and not _stands_for_null(value, column_type):
            try:
                result = function(value)
            except (ValueError, TypeError, ArithmeticError, OverflowError):
                result = None
            if result is None:
                wrong[position] = f"{shorten_value(value)} is not {allowed}"
        found.append(result)
    return Converted(pa.array(found, target), wrong)


def _stands_for_null(value: Any, column_type: ColumnType) -> bool:
    """Tell whether a text is what APIs write for no value: a blank text, or in a column of dates `0000-00-00`."""
    if not isinstance(value, str):
        return False
    return (column_type.blank_is_null and not value.strip()) or (
        column_type.has_format and is_zero_date(value)
    )


def _converter(column: Column, target: pa.DataType, zone: str) -> Callable[[Any], Any]:
    """Return the conversion of one value of a column."""
    if column.format is not None:
        return from_format(column.format, ZoneInfo(zone), is_date=column.data_type == "date")
    if column.rounding is not None:
        return to_decimal_of(target.precision, target.scale, rounds=True)
    return CONVERTERS[column.data_type](target, zone)
