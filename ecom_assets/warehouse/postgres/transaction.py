"""Asking PostgreSQL, in the words that all warehouses have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import pyarrow as pa
from psycopg2.extras import register_default_jsonb

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.postgres.copy import copy_in, quoted, sql_type
from ecom_assets.warehouse.postgres.indexes import index_keys
from ecom_assets.warehouse.postgres.statements import run
from ecom_assets.warehouse.transaction import QueryResult, Transaction

_TYPES: Mapping[str, str] = {
    "text": "character varying",
    "bigint": "bigint",
    "double": "double precision",
    "bool": "boolean",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "time": "time without time zone",
    "json": "jsonb",
    "binary": "bytea",
}

_ARROW: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1184: pa.timestamp("us", "UTC"),
}
"""Arrow's types by the numbers that PostgreSQL has for its own; of others the texts are taken."""
_NUMERIC, _JSONB = 1700, 3802


class PostgresTransaction(Transaction):
    """An open connection to PostgreSQL, in a transaction; a statement that fails leaves the ones before it."""

    driver_errors = (psycopg2.Error,)
    columns_query = (
        "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute as a "
        "join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = ? and c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped "
        "order by c.relname, a.attnum"
    )

    def __init__(self, connection: Any) -> None:
        """Take an open connection, which stays its opener's to close."""
        self.connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement, with `?` for parameters."""
        answer: QueryResult = self._run(sql, parameters)
        return answer

    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement that writes, and return the number of rows that it wrote."""
        return int(self._run(sql, parameters).rowcount)

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Return the answer to a query as an Arrow table."""
        answer = self.connection.cursor()
        # of JSON its text, where a number is as it was written
        register_default_jsonb(answer, loads=lambda text: text)
        run(answer, sql)
        columns = list(zip(*answer.fetchall(), strict=True)) or [()] * len(answer.description)
        arrays = {}
        for about, values in zip(answer.description, columns, strict=True):
            kind = _ARROW.get(about.type_code, pa.string())
            if about.type_code == _NUMERIC:
                kind = pa.decimal128(about.precision, about.scale)
            arrays[about.name] = pa.array(values, kind)
        return pa.table(arrays)

    def type_of(self, column: Column) -> str:
        """Return the PostgreSQL type that a declared column has."""
        if column.data_type == "decimal":
            return f"numeric({column.precision},{column.scale})"
        return _TYPES[column.data_type]

    @contextmanager
    def temporary_table(self, name: str, table: pa.Table, like: str | None = None) -> Iterator[None]:
        """Let SQL see an Arrow table, as a temporary table that is analysed, so that joins with it are planned well."""
        columns = ", ".join(f"{quoted(field.name)} {sql_type(field.type)}" for field in table.schema)
        made = f"create temporary table {name} ({columns})"
        json: list[str] = []
        if like:
            # which texts are JSON is told by the columns that they go into
            there = self._run(f"select * from {like} limit 0", ()).description
            json = [about.name for about in there if about.type_code == _JSONB]
            names = ", ".join(quoted(column) for column in table.column_names)
            made = f"create temporary table {name} as select {names} from {like} with no data"
        with self.connection.cursor() as cursor:
            cursor.execute(made)
            copy_in(cursor, name, table, json)
            cursor.execute(f"analyze {name}")
        yield
        self._run(f"drop table {name}", ())

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Make the indexes that are missing, and let the planner know how many rows there are to find."""
        index_keys(self.connection, dataset, keys)

    def _run(self, sql: str, parameters: Sequence[Any]) -> Any:
        """Run a statement, and return the cursor with its answer."""
        cursor = self.connection.cursor()
        run(cursor, sql.replace("%", "%%").replace("?", "%s"), list(parameters))
        return cursor
