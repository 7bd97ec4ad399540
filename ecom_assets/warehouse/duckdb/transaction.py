"""Asking an open DuckDB file, in the words that all warehouses have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.transaction import Transaction

_TYPES: Mapping[str, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "time": "TIME",
    "json": "JSON",
    "binary": "BLOB",
}


class DuckDbTransaction(Transaction):
    """An open connection to a DuckDB file."""

    driver_errors = (duckdb.Error,)
    columns_query = (
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_catalog = current_database() and table_schema = ? order by table_name, ordinal_position"
    )

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take an open connection, which stays its opener's to close."""
        self.connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run a statement."""
        return self.connection.execute(sql, list(parameters))

    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement that writes, and return the number of rows that it wrote."""
        return int(self.fetch_value(sql, parameters))

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Return the answer to a query as an Arrow table."""
        return self.connection.execute(sql).to_arrow_table()

    def type_of(self, column: Column) -> str:
        """Return the DuckDB type that a declared column has."""
        if column.data_type == "decimal":
            return f"DECIMAL({column.precision},{column.scale})"
        return _TYPES[column.data_type]

    @contextmanager
    def temporary_table(self, name: str, table: pa.Table, like: str | None = None) -> Iterator[None]:
        """Let SQL see an Arrow table; its types need not be another's, DuckDB casts where it inserts."""
        self.connection.register(name, table)
        try:
            yield
        finally:
            self.connection.unregister(name)
