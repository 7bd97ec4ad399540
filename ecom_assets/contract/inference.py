"""Inference: the types of columns that nobody declared, and the wider types that they become.

No value is lost. A type fits only values of its own kind: the text `1` is no number, and a time without an offset is no
instant. A column that meets other values gets the next type in `_WIDER` that fits. The result does not depend on the
order in which values come, because each list is in one order and both ends hold everything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ecom_assets.contract.conversion import convert
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.contract.value_conversion import is_zero_date
from ecom_assets.declaration.column_types import CURSOR_TYPES, OPEN_CURSOR_TYPES, DataType
from ecom_assets.declaration.reading import Column

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s*(Z|[+-]\d\d:?\d\d))?")
_EXACT = 2**53
"""A double holds each whole number up to this one."""

_WIDER: Mapping[DataType, tuple[DataType, ...]] = {
    "bigint": ("double", "decimal", "text", "json"),
    "double": ("decimal", "text", "json"),
    "decimal": ("text", "json"),
    "bool": ("text", "json"),
    "date": ("timestamp", "text", "json"),
    "timestamp": ("text", "json"),
    "time": ("text", "json"),
    "binary": ("text", "json"),
    "text": ("json",),
    "json": (),
}
"""The types that a new column may become."""
_WIDER_STORED: Mapping[DataType, tuple[DataType, ...]] = {
    "bigint": ("decimal", "text"),
    "double": ("text",),
    "decimal": ("text",),
    "bool": ("text",),
    "date": ("timestamp", "text"),
    "timestamp": ("text",),
    "time": ("text",),
    "binary": ("text",),
    "text": (),
    "json": (),
}
"""The types that a column with stored values may become. Each holds the stored values exactly."""


def infer(name: str, values: Sequence[Any]) -> Column:
    """Return a nullable column with the narrowest type that fits all values. At least one of them is not null."""
    kinds = _kinds(values)
    first: DataType = "text"
    if kinds <= {int, float, Decimal}:
        first = "bigint"
    elif kinds == {str}:
        first = "date"
    elif kinds == {bool}:
        first = "bool"
    column = evolved_column(name, {"data_type": first})
    return column if fits(values, column) else wider(column, values) or column


def fits(values: Sequence[Any], column: Column, *, stored: bool = False) -> bool:
    """Tell whether a column holds all values without a loss.

    Args:
        values: The values.
        column: The column.
        stored: Whether the warehouse has the column already. A text then also takes lists and objects, as JSON.
    """
    kinds = _kinds(values)
    if not kinds:
        return True
    if column.data_type == "json":
        return True
    if column.data_type == "text":
        return stored or not kinds & {dict, list}
    if column.data_type in ("bool", "bigint"):
        return kinds == {bool if column.data_type == "bool" else int} and _converts(values, column)
    if column.data_type == "double":
        exact = all(type(value) is not int or abs(value) <= _EXACT for value in values)
        return kinds <= {int, float} and exact and _converts(values, column)
    if column.data_type == "decimal":
        return kinds <= {int, float, Decimal} and _converts(values, column)
    shape = {"date": _DATE, "timestamp": _INSTANT}.get(column.data_type)
    if kinds != {str} or (shape and not all(shape.fullmatch(value) for value in values if value is not None)):
        return False
    # an empty text and 0000-00-00 would become null, which is a loss here
    lossless = all(value is None or (value.strip() and not is_zero_date(value)) for value in values)
    return lossless and _converts(values, column)


def wider(column: Column, values: Sequence[Any], *, stored: bool = False) -> Column | None:
    """Return the column with the next wider type that fits all values, None if there is none.

    Args:
        column: The column, whose own type does not fit.
        values: The values.
        stored: Whether the warehouse has the column already. The new type then also holds every stored value.
    """
    for data_type in (_WIDER_STORED if stored else _WIDER)[column.data_type]:
        candidate = column.with_type(evolved_column(column.name, {"data_type": data_type}))
        if fits(values, candidate, stored=stored):
            return candidate
    return None


def may_become(stored: Column, read: Column) -> bool:
    """Tell whether a column with stored values may get the type of the same column of a run."""
    return read.data_type in _WIDER_STORED[stored.data_type]


def infer_key(column: Column, values: Collection[Any]) -> Column:
    """Return a column of a primary key with its type: whole numbers, or else texts. Both compare exactly.

    Without a value, it is a text as a guess.
    """
    present = [value for value in values if value is not None and type(value) not in (dict, list)]
    number = column.with_type(evolved_column(column.name, {"data_type": "bigint"}))
    text = column.with_type(evolved_column(column.name, {}))
    if not present:
        return text.as_guess()
    return number if key_fits(present, number) else text


def key_fits(values: Sequence[Any], column: Column) -> bool:
    """Tell whether a column of a primary key holds all values. What can be in no key does not count."""
    if column.data_type == "text":
        return True
    present = [value for value in values if value not in (None, "") and type(value) not in (dict, list)]
    if column.data_type == "bigint":
        return _kinds(present) <= {int, float} and _converts(present, column)
    return _converts(present, column)


def infer_cursor(column: Column, values: Collection[Any], *, initial_value: Any = None) -> Column:
    """Return the column of a cursor with its type: whole numbers since 1970, or else instants.

    Args:
        column: The column.
        values: The values of some records.
        initial_value: Of an open-ended resource, the value from which it is read. Its cursor may also be another number
            or a text.
    """
    present = [value for value in values if value is not None]
    if initial_value is not None:
        values = present or [initial_value]
        instant = column.with_type(evolved_column(column.name, {"data_type": "timestamp"}))
        if _kinds(values) == {str} and _converts(values, instant):
            return instant
        found = infer(column.name, values)
        return column.with_type(found) if can_be_cursor(found, open_ended=True) else instant
    number = column.with_type(evolved_column(column.name, {"data_type": "bigint"}))
    if present and _kinds(present) == {int} and _converts(present, number):
        return number
    return column.with_type(evolved_column(column.name, {"data_type": "timestamp"}))


def can_be_cursor(column: Column, *, open_ended: bool = False) -> bool:
    """Tell whether a column's type can tell the window of a record, or in an open-ended resource its place."""
    return column.data_type in (OPEN_CURSOR_TYPES if open_ended else CURSOR_TYPES)


def type_text(column: Column) -> str:
    """Return a column's type for a person, such as `decimal(38,9)`."""
    size = "" if column.precision is None else f"({column.precision},{column.scale})"
    return f"{column.data_type}{size}"


def _kinds(values: Collection[Any]) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _converts(values: Sequence[Any], column: Column) -> bool:
    return not convert(values, column).wrong
