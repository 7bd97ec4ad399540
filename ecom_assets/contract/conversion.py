"""Values of JSON to Arrow arrays of a declared type: whole columns at once, single values where that fails.

Types are converted, never guessed. Which column has which type, and what becomes of a row whose value does not
convert, is `contract`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.contract.value_conversion import CONVERTERS, MILLISECONDS
from ecom_assets.declaration.column_types import COLUMN_TYPES, DataType
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.json_text import shorten_value, storable_json
from ecom_assets.foundation.local_time import INSTANT, instant_of, instants_of

_FIRST = datetime(1, 1, 2, tzinfo=timezone.utc)
_LAST = datetime(9999, 12, 30, tzinfo=timezone.utc)
"""Where instants end that are one in every time zone."""
_MOST = 253_402_300_799_999
"""Milliseconds since 1970 at the end of the year 9999: from there on seconds do not fit into 64 bits either."""
_DIGITS = 38


@dataclass(frozen=True)
class Converted:
    """An array, null where a value is null or does not convert, and the reasons of the latter by position."""

    array: pa.Array
    wrong: dict[int, str] = field(default_factory=dict)


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column; a timestamp is in UTC microseconds, JSON is its text."""
    return _arrow_type(column.data_type, column.precision, column.scale)


@lru_cache
def _arrow_type(data_type: DataType, precision: int | None, scale: int | None) -> pa.DataType:
    return COLUMN_TYPES[data_type].arrow_type(precision, scale)


def convert(values: Sequence[Any], column: Column, zone: str = "UTC") -> Converted:
    """Return the values as the column's type; `zone` is that of instants which name none, unless the column has one.

    An empty or blank text is null unless the type is text or JSON.
    """
    kinds = set(map(type, values))
    zone = column.timezone or zone
    try:
        array = _whole(values, kinds, column, zone)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        array = None
    return _one_by_one(values, column, zone) if array is None else Converted(array)


def cursor_instants(values: Sequence[Any], column: Column, zone: str = "UTC") -> pa.Array:
    """Return a cursor's values as instants in UTC, null exactly where they are none of the column's type.

    A date is its midnight in `zone`. A date or a number before the year 1 or after 9999 is at their end.
    """
    array = convert(values, column, zone).array
    if column.data_type == "bigint":
        micros = _since_1970(_between(array, -_MOST, _MOST))
        return _between(micros, *(int(end.timestamp()) * 1_000_000 for end in (_FIRST, _LAST))).cast(INSTANT)
    if column.data_type == "date":
        days = _between(array, _FIRST.date(), _LAST.date()).cast(pa.timestamp("us"))
        midnights = instants_of(days, zone)
        if midnights is None:
            info = ZoneInfo(zone)
            midnights = pa.array([day and instant_of(day, info) for day in days.to_pylist()], INSTANT)
        return midnights
    return array


def _whole(values: Sequence[Any], kinds: set[type], column: Column, zone: str) -> pa.Array | None:
    """Convert all values at once, None where they are of kinds that need a look at each."""
    kind, target = column.data_type, arrow_type(column)
    kinds = kinds - {type(None)}
    if not kinds:
        return pa.nulls(len(values), target)
    if kind == "json":
        return pa.array([None if value is None else storable_json(value) for value in values], target)
    if kind == "decimal" and kinds <= COLUMN_TYPES[kind].python_types:
        return _decimals(values, target)
    if kind == "timestamp" and kinds == {int}:
        numbers = pa.array(values, pa.int64())
        return _sayable(_since_1970(numbers).cast(INSTANT)) if _within(numbers, -_MOST, _MOST) else None
    if not kinds <= COLUMN_TYPES[kind].python_types:
        return None
    if kind == "timestamp":
        cursor_instants = _instants(pa.array(values, pa.string()), zone)
        return None if cursor_instants is None else _sayable(cursor_instants)
    if kind in ("date", "time"):
        array = pa.array(values, pa.string()).cast(target)
        return _sayable(array) if kind == "date" else array
    array = pa.array(values, target)
    return None if kind == "double" and not _exact(array, kinds) else array


def _decimals(values: Sequence[Any], target: pa.DataType) -> pa.Array | None:
    """Parse decimals, None where one may be too long to be scaled in 128 bits: Arrow would take the rest of it."""
    # the text of a number counts, so 0.1 is one tenth and not the double next to it
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    if pc.max(pc.utf8_length(texts)).as_py() > _DIGITS - target.scale:
        return None
    if pc.any(pc.match_substring(texts, "e", ignore_case=True)).as_py():
        return None
    return texts.cast(target)


def _exact(array: pa.Array, kinds: set[type]) -> bool:
    """Tell whether all numbers are finite, and no whole number was too long for a double."""
    if not pc.all(pc.is_finite(array)).as_py():
        return False
    return int not in kinds or bool(pc.all(pc.less_equal(pc.abs(array), 2.0**53)).as_py())


def _instants(texts: pa.Array, zone: str) -> pa.Array | None:
    """Parse ISO 8601 texts that all have an offset, or all have none."""
    try:
        return texts.cast(INSTANT)
    except pa.ArrowInvalid:
        if not pc.all(
            pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$")
        ).as_py():
            raise
        return instants_of(texts.cast(pa.timestamp("us")), zone)


def _since_1970(numbers: pa.Array) -> pa.Array:
    """Return the microseconds of seconds or, where they are that large, milliseconds since 1970."""
    in_milliseconds = pc.greater_equal(pc.abs(numbers), MILLISECONDS)
    return pc.if_else(in_milliseconds, pc.multiply(numbers, 1_000), pc.multiply(numbers, 1_000_000))


def _between(array: pa.Array, low: Any, high: Any) -> pa.Array:
    """Return the values, those beyond an end moved to it."""
    low, high = pa.scalar(low, array.type), pa.scalar(high, array.type)
    array = pc.if_else(pc.less(array, low), low, array)
    return pc.if_else(pc.greater(array, high), high, array)


def _within(array: pa.Array, low: Any, high: Any) -> bool:
    ends = pc.min_max(array)
    return bool(
        pc.greater_equal(ends["min"], pa.scalar(low, array.type)).as_py()
        and pc.less_equal(ends["max"], pa.scalar(high, array.type)).as_py()
    )


def _sayable(array: pa.Array) -> pa.Array | None:
    """Return dates or instants, None where one may lie outside of the years 1 to 9999, which Arrow takes."""
    ends = (_FIRST, _LAST) if array.type == INSTANT else (_FIRST.date(), _LAST.date())
    return array if _within(array, *ends) else None


def _one_by_one(values: Sequence[Any], column: Column, zone: str) -> Converted:
    """Convert value by value, and say of each that does not convert why."""
    column_type, target = COLUMN_TYPES[column.data_type], arrow_type(column)
    function = CONVERTERS[column.data_type](target, zone)
    size = {"precision": target.precision, "scale": target.scale} if column_type.has_size else {}
    allowed = column_type.phrase.format(**size)
    found: list[Any] = []
    wrong: dict[int, str] = {}
    for position, value in enumerate(values):
        result = None
        if value is not None and not (
            column_type.blank_is_null and isinstance(value, str) and not value.strip()
        ):
            try:
                result = function(value)
            except (ValueError, TypeError, ArithmeticError, OverflowError):
                result = None
            if result is None:
                wrong[position] = f"{shorten_value(value)} is not {allowed}"
        found.append(result)
    return Converted(pa.array(found, target), wrong)
