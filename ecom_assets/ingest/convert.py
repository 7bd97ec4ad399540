"""Values of JSON to Arrow arrays of a declared type: whole columns at once, single values where that fails.

Types are converted, never guessed. Which column has which type, and what becomes of a row whose value does not
convert, is `contract`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.ingest.declaration import Column
from ecom_assets.ingest.scalars import FUNCTIONS, json_text, shown, to_decimal_of, to_instant_in

INSTANT = pa.timestamp("us", "UTC")
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


def instants(values: Sequence[Any], zone: str = "UTC") -> pa.Array:
    """Return the values as instants in UTC, null where they are none."""
    column = Column.model_construct(name="instant", data_type="timestamp", timezone=zone)
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
        if not pc.all(
            pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?$")
        ).as_py():
            raise
        local = texts.cast(pa.timestamp("us"))
        return pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest").cast(INSTANT)


def _one_by_one(values: Sequence[Any], column: Column, zone: str) -> Converted:
    """Convert value by value, and say of each that does not convert why."""
    kind, target = column.data_type, arrow_type(column)
    function: Callable[[Any], Any]
    if kind == "decimal":
        function = to_decimal_of(target)
    elif kind == "timestamp":
        function = to_instant_in(ZoneInfo(zone))
    else:
        function = FUNCTIONS[kind]
    found: list[Any] = []
    wrong: dict[int, str] = {}
    for position, value in enumerate(values):
        result = None
        if value is not None and not (
            kind not in ("text", "json") and isinstance(value, str) and not value.strip()
        ):
            try:
                result = function(value)
            except (ValueError, TypeError, ArithmeticError, OverflowError):
                result = None
            if result is None:
                name = str(target).replace("128", "").replace(" ", "") if kind == "decimal" else _NAMES[kind]
                wrong[position] = f"{shown(value)} is not {'a ' if kind == 'decimal' else ''}{name}"
        found.append(result)
    return Converted(pa.array(found, target), wrong)
