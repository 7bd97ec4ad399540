"""The types of columns in Redshift, and Arrow's types of what its driver returns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.column_types import DataType
from ecom_assets.declaration.reading import Column

MOST_BYTES = 65_535
"""Bytes of a text. JSON and binary values, which go into their columns as texts, may have no longer text either."""
TEXT = f"character varying({MOST_BYTES})"
JSON, BINARY = "super", "varbyte"

SQL_TYPES: Mapping[DataType, str] = {
    "text": TEXT,
    "bigint": "bigint",
    "double": "double precision",
    "bool": "boolean",
    "decimal": "numeric({precision},{scale})",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "time": "time without time zone",
    "json": JSON,
    "binary": BINARY,
}
"""The type in Redshift of each type of a declaration, spelled as `known_type` returns it."""

_BOOL, _BIGINT, _SMALLINT, _INTEGER = 16, 20, 21, 23
_REAL, _DOUBLE, _DATE, _TIME, _TIMESTAMPTZ, _NUMERIC = 700, 701, 1082, 1083, 1184, 1700
_VARBYTE, _BYTEA = 6551, 17
_ARROW_TYPES: Mapping[int, pa.DataType] = {
    _BOOL: pa.bool_(),
    _BIGINT: pa.int64(),
    _SMALLINT: pa.int64(),
    _INTEGER: pa.int64(),
    _REAL: pa.float64(),
    _DOUBLE: pa.float64(),
    _DATE: pa.date32(),
    _TIME: pa.time64("us"),
    _TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    _VARBYTE: pa.binary(),
    _BYTEA: pa.binary(),
}
"""Arrow's types by the numbers of the protocol. Values of other types are texts, those of SUPER too."""
_MOST_DIGITS = 38


def known_type(kind: str) -> str:
    """Return a type as the catalogue has it, with one name for each type of bytes and of short texts."""
    if re.match(r"(varbyte|binary varying|varbinary)\b", kind):
        return BINARY
    return TEXT if kind in ("varchar", "character varying", "text") else kind


def text_of(column: Column) -> str:
    """Return the SQL expression of a column's values as texts, written as JSON writes them."""
    name = f'"{column.name}"'
    if column.data_type == "bool":
        return f"case when {name} then 'true' when not {name} then 'false' end"
    if column.data_type == "decimal" and column.scale:
        return f"rtrim(rtrim(cast({name} as varchar), '0'), '.')"
    if column.data_type == "timestamp":
        day, clock = (
            f"to_char({name} at time zone 'UTC', '{form}')" for form in ("YYYY-MM-DD", "HH24:MI:SS.US")
        )
        return f"replace({day} || 'T' || {clock} || 'Z', '.000000Z', 'Z')"
    if column.data_type == "date":
        return f"to_char({name}, 'YYYY-MM-DD')"
    if column.data_type == "binary":
        return f"from_varbyte({name}, 'base64')"
    if column.data_type == "json":
        return f"json_serialize({name})"
    return f"cast({name} as varchar)"


def arrow_table(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of the driver's cursor as an Arrow table."""
    arrays = []
    for number, column in enumerate(description):
        values = [row[number] for row in rows]
        code = column.type_code
        kind = _ARROW_TYPES.get(code, pa.string())
        if code == _NUMERIC:
            kind = _decimal(column, values)
        elif kind == pa.binary():
            values = [_bytes(value) for value in values]
        arrays.append(pa.array(values, kind))
    return pa.table(arrays, [column.name for column in description])


def _decimal(column: Any, values: Sequence[Any]) -> pa.DataType | None:
    """Return the type of a column of decimals; None, which means that of its values, where the server names none."""
    precision = column.precision
    if precision is None or not 0 < precision <= _MOST_DIGITS:
        return None if any(value is not None for value in values) else pa.decimal128(_MOST_DIGITS, 0)
    return pa.decimal128(precision, column.scale)


def _bytes(value: Any) -> bytes | None:
    """Return bytes that the driver has, or whose digits it has as a text."""
    return bytes.fromhex(value.removeprefix("\\x")) if isinstance(value, str) else value and bytes(value)
