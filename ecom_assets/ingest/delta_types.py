"""Columns of Delta tables as DuckDB has them, and the other way round.

Delta knows no JSON and no time of day: both are texts there, and the column's metadata says what they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from deltalake import Field

from ecom_assets.ingest.errors import WarehouseError

_TYPE = "ecom_assets.type"
"""In the metadata of a Delta column: its type in DuckDB, where Delta has none like it."""
_TEXTS = ("JSON", "TIME")
_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
    "BLOB": pa.binary(),
    **dict.fromkeys(_TEXTS, pa.string()),
}
_NAMES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "date": "DATE",
    "binary": "BLOB",
}


def arrow_field(name: str, kind: str, *, nullable: bool) -> pa.Field:
    """Return the column of a Delta table, as Arrow has it, for a DuckDB type. Raises WarehouseError for others."""
    if kind.startswith("DECIMAL("):
        precision, scale = map(int, kind[len("DECIMAL(") : -1].split(","))
        return pa.field(name, pa.decimal128(precision, scale), nullable)
    if kind not in _TYPES:
        raise WarehouseError(f"{name}: a Delta table has no column of DuckDB's type {kind}")
    return pa.field(name, _TYPES[kind], nullable, {_TYPE: kind} if kind in _TEXTS else None)


def duckdb_type(field: Field) -> str:
    """Return the type that a column of a Delta table has in DuckDB. Raises WarehouseError for nested ones."""
    kind = str(getattr(field.type, "type", field.type))
    if kind.startswith("decimal("):
        return kind.upper().replace(" ", "")
    if kind not in _NAMES:
        raise WarehouseError(f"{field.name}: columns of Delta's type {kind} are none of this project's")
    found = str(field.metadata.get(_TYPE, ""))
    return found if found in _TEXTS else _NAMES[kind]


def stored_value(name: str, kind: str) -> str:
    """Return the SQL that makes of a column in DuckDB what Delta stores of it."""
    return f'cast("{name}" as varchar) as "{name}"' if kind in _TEXTS else f'"{name}"'


def read_value(name: str, kind: str) -> str:
    """Return the SQL that makes of a column that Delta has stored what it is in DuckDB."""
    return f'cast("{name}" as {kind}) as "{name}"'
