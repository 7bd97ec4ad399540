"""The types of columns in Databricks, and Arrow's types of what its driver returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.column_types import DataType
from ecom_assets.warehouse.remote.lock import LOCK_TABLE

TABLE_PROPERTIES = "tblproperties ('delta.feature.catalogManaged' = 'supported')"
"""What a transaction needs of each table that it writes: Unity Catalog decides on the commits of the table."""
COLUMNS_BY_NAME = TABLE_PROPERTIES[:-1] + ", 'delta.columnMapping.mode' = 'name')"
"""The properties of a table for rows. A column can only be dropped if files name columns otherwise than the table."""

JSON, TIME = "JSON", "TIME"
"""The names here of a STRING whose comment is one of them.

Values of Databricks' VARIANT cannot be compared, which loads do. A time of the day has no type in Delta tables.
"""
SQL_TYPES: Mapping[DataType, str] = {
    "text": "STRING",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "decimal": "DECIMAL({precision},{scale})",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "time": TIME,
    "json": JSON,
    "binary": "BINARY",
}
"""The type in Databricks of each type of a declaration, spelled as `COLUMNS_QUERY` has it."""

COLUMNS_QUERY = (
    "select table_name, ordinal_position, column_name, "
    f"case when comment in ('{JSON}', '{TIME}') and lower(full_data_type) = 'string' then comment "
    "else upper(full_data_type) end, is_nullable = 'YES' from information_schema.columns "
    f"where table_schema = lower(?) and not startswith(table_name, 'ecom_temp_') and table_name <> '{LOCK_TABLE}'"
)
"""A query for the columns of a dataset but for the lock's and those of loads that run, in Databricks' own words."""

_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "tinyint": pa.int64(),
    "smallint": pa.int64(),
    "int": pa.int64(),
    "bigint": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "date": pa.date32(),
    "binary": pa.binary(),
}
"""Arrow's type of each type, as the driver names it."""
_NAMES = {"varchar": "STRING", "text": "STRING"}
"""Types that loads ask for by the names that DuckDB and PostgreSQL have for them."""


def definition(kind: str, *, required: bool = False) -> str:
    """Return a type as the definition of a column has it."""
    name = "STRING" if kind in (JSON, TIME) else _NAMES.get(kind, kind)
    comment = f" comment '{kind}'" if kind in (JSON, TIME) else ""
    return f"{name}{' not null' if required else ''}{comment}"


def sql_type(column: Sequence[Any]) -> str:
    """Return the type in SQL of a column that the driver describes."""
    name = str(column[1])
    return f"DECIMAL({column[4]},{column[5]})" if name == "decimal" else name.upper()


def arrow_table(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of the driver as an Arrow table, with lower case names of columns."""
    arrays, names = [], []
    for number, column in enumerate(description):
        kind = _arrow_type(column)
        values = [_plain(row[number], kind) for row in rows]
        arrays.append(pa.array(values, kind))
        names.append(column[0].lower())
    return pa.table(arrays, names)


def _arrow_type(column: Sequence[Any]) -> pa.DataType:
    if column[1] == "decimal":
        return pa.decimal128(column[4], column[5])
    return _ARROW_TYPES.get(str(column[1]), pa.string())


def _plain(value: Any, kind: pa.DataType) -> Any:
    """Return a value as Arrow takes it: an instant in UTC, and bytes."""
    if isinstance(value, datetime) and pa.types.is_timestamp(kind) and kind.tz:
        return value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)
    return bytes(value) if isinstance(value, bytearray) else value
