"""The types of columns in Snowflake, and Arrow's types of what its driver returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.column_types import DataType
from ecom_assets.warehouse.remote.lock import LOCK_TABLE

SQL_TYPES: Mapping[DataType, str] = {
    "text": "VARCHAR",
    "bigint": "NUMBER(19,0)",
    "double": "FLOAT",
    "bool": "BOOLEAN",
    "decimal": "NUMBER({precision},{scale})",
    "timestamp": "TIMESTAMP_TZ",
    "date": "DATE",
    "time": "TIME",
    "json": "VARIANT",
    "binary": "BINARY",
}
"""The type in Snowflake of each type of a declaration, spelled as `COLUMNS_QUERY` has it."""

COLUMNS_QUERY = (
    "select lower(table_name), ordinal_position, lower(column_name), "
    "case when data_type = 'NUMBER' then 'NUMBER(' || numeric_precision || ',' || numeric_scale || ')' "
    "when data_type = 'TEXT' then 'VARCHAR' else data_type end, is_nullable = 'YES' "
    "from information_schema.columns where table_schema = upper(?) and not startswith(table_name, 'ECOM_TEMP_') "
    f"and table_name <> upper('{LOCK_TABLE}')"
)
"""A query for the columns of a dataset but for the lock's, in Snowflake's own words."""

_FIXED, _REAL, _TEXT, _DATE, _VARIANT, _TIMESTAMP_TZ, _BINARY, _TIME, _BOOLEAN = 0, 1, 2, 3, 5, 7, 11, 12, 13
"""The driver's codes of types, as `snowflake.connector.constants.FIELD_TYPES` has them."""
_ARROW_TYPES: Mapping[int, pa.DataType] = {
    _REAL: pa.float64(),
    _TEXT: pa.string(),
    _DATE: pa.date32(),
    _VARIANT: pa.string(),
    _TIMESTAMP_TZ: pa.timestamp("us", "UTC"),
    _BINARY: pa.binary(),
    _TIME: pa.time64("us"),
    _BOOLEAN: pa.bool_(),
}
_SQL_TYPES: Mapping[int, str] = {
    _REAL: "FLOAT",
    _DATE: "DATE",
    _VARIANT: "VARIANT",
    _TIMESTAMP_TZ: "TIMESTAMP_TZ",
    _BINARY: "BINARY",
    _TIME: "TIME",
    _BOOLEAN: "BOOLEAN",
}
_MOST_DIGITS_OF_64_BITS = 19


def arrow_table(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of the driver as an Arrow table, with lower case names of columns."""
    arrays, names = [], []
    for number, column in enumerate(description):
        values = [row[number] for row in rows]
        kind = _arrow_type(column)
        if pa.types.is_timestamp(kind):
            values = [_in_utc(value) for value in values]
        arrays.append(pa.array(values, kind))
        names.append(column[0].lower())
    return pa.table(arrays, names)


def sql_type(column: Any) -> str:
    """Return the type in SQL of a column that the driver describes."""
    if column[1] == _FIXED:
        return f"NUMBER({column[4]},{column[5]})"
    return _SQL_TYPES.get(column[1], "VARCHAR")


def _arrow_type(column: Any) -> pa.DataType:
    code, precision, scale = column[1], column[4], column[5]
    if code != _FIXED:
        return _ARROW_TYPES.get(code, pa.string())
    if not scale and (precision or 0) <= _MOST_DIGITS_OF_64_BITS:
        return pa.int64()
    return pa.decimal128(precision or 38, scale or 0)


def _in_utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) and value.tzinfo else value
