"""The types of columns in MariaDB, and Arrow's types of what its driver returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timezone
from typing import Any

import pyarrow as pa
from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions, convert_datetime, convert_time, escape_string

from ecom_assets.declaration.column_types import DataType

COLLATION = "utf8mb4_nopad_bin"
"""Compares texts byte for byte, also the spaces at their ends."""
SQL_TYPES: Mapping[DataType, str] = {
    "text": f"longtext collate {COLLATION}",
    "bigint": "bigint(20)",
    "double": "double",
    "bool": "tinyint(1)",
    "decimal": "decimal({precision},{scale})",
    "timestamp": "datetime(6)",
    "date": "date",
    "time": "time(6)",
    "json": "longtext collate utf8mb4_bin",
    "binary": "longblob",
}
"""The type in MariaDB of each type of a declaration, spelled as `COLUMNS_QUERY` has it.

JSON is what MariaDB's JSON is, without its check, which refuses what is nested more than 32 times.
"""

COLUMNS_QUERY = (
    "select table_name, ordinal_position, column_name, "
    "case when collation_name is null then column_type else concat(column_type, ' collate ', collation_name) end, "
    "is_nullable = 'YES' from information_schema.columns where table_schema = ?"
)
"""A query for the columns of a dataset, in MariaDB's own words."""

_ARROW_TYPES: Mapping[int, pa.DataType] = {
    FIELD_TYPE.TINY: pa.bool_(),
    FIELD_TYPE.SHORT: pa.int64(),
    FIELD_TYPE.LONG: pa.int64(),
    FIELD_TYPE.INT24: pa.int64(),
    FIELD_TYPE.LONGLONG: pa.int64(),
    FIELD_TYPE.FLOAT: pa.float64(),
    FIELD_TYPE.DOUBLE: pa.float64(),
    FIELD_TYPE.DATETIME: pa.timestamp("us", "UTC"),
    FIELD_TYPE.DATE: pa.date32(),
    FIELD_TYPE.TIME: pa.time64("us"),
}
_BINARY_CHARSET = 63
_DIGITS_OF_128_BITS = 38


def arrow_table(fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of the driver as an Arrow table.

    Args:
        fields: What the server says of each column of the answer.
        rows: The rows.
    """
    arrays = []
    for number, column in enumerate(fields):
        values, kind = [row[number] for row in rows], _arrow_type(column)
        if pa.types.is_boolean(kind):
            values = [None if value is None else bool(value) for value in values]
        arrays.append(pa.array(values, kind))
    return pa.table(arrays, [column.name for column in fields])


def driver_conversions() -> dict[Any, Any]:
    """Return how the driver reads and writes values: instants are in UTC, and times are no durations."""
    return {
        **conversions,
        FIELD_TYPE.DATETIME: _instant,
        FIELD_TYPE.TIME: convert_time,
        datetime: lambda value, _=None: f"'{instant_text(value)}'",
        time: lambda value, _=None: f"'{escape_string(value.isoformat())}'",
    }


def instant_text(value: datetime) -> str:
    """Return an instant as MariaDB reads it: in UTC, without an offset."""
    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc).replace(tzinfo=None)
    return value.isoformat(" ")


def _instant(text: Any) -> Any:
    value = convert_datetime(text)
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value


def _arrow_type(column: Any) -> pa.DataType:
    if column.type_code == FIELD_TYPE.NEWDECIMAL:
        # the length counts a sign, and a point if there is a scale
        digits = max(1, column.length - 1 - bool(column.scale))
        make = pa.decimal128 if digits <= _DIGITS_OF_128_BITS else pa.decimal256
        return make(digits, column.scale)
    if column.type_code in _ARROW_TYPES:
        return _ARROW_TYPES[column.type_code]
    return pa.binary() if column.charsetnr == _BINARY_CHARSET else pa.string()
