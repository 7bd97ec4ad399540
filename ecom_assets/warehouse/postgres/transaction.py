"""The Transaction of a PostgreSQL database."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extras import register_default_jsonb

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.postgres.copy import copy_rows, sql_type, without_zero
from ecom_assets.warehouse.postgres.errors import DRIVER_ERRORS
from ecom_assets.warehouse.postgres.identifiers import quote_identifier
from ecom_assets.warehouse.postgres.indexes import (
    analyze_changed_tables,
    create_missing_indexes,
    drop_indexes,
)
from ecom_assets.warehouse.postgres.statements import run_statement
from ecom_assets.warehouse.query_result import QueryResult
from ecom_assets.warehouse.transaction import UNION_COMMENT, Transaction

_ARROW_TYPES: Mapping[int, pa.DataType] = {
    column_type.postgres_oid: column_type.arrow_type() for column_type in COLUMN_TYPES.values()
}
"""Arrow's types by PostgreSQL's object identifiers of its types. Values of other types are read as text."""
_CHANGED_TABLE = re.compile(r'\s*(?:alter|drop) table "([^"]+)"\."([^"]+)"(?!\s+add column)', re.IGNORECASE)
_JSON = COLUMN_TYPES["json"].postgres
_INSERTED_TABLE = re.compile(r'\s*insert into "([^"]+)"\.', re.IGNORECASE)
_NUMERIC, _JSONB = COLUMN_TYPES["decimal"].postgres_oid, COLUMN_TYPES["json"].postgres_oid


class PostgresTransaction(Transaction):
    """A transaction on a connection of psycopg2. A statement that fails does not undo the ones before it."""

    driver_errors = DRIVER_ERRORS
    columns_query = (
        "select c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), "
        "not a.attnotnull from pg_attribute as a "
        "join pg_class as c on c.oid = a.attrelid join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = ? and c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped"
    )

    def __init__(self, connection: Any) -> None:
        """Take an open connection, which the warehouse closes."""
        super().__init__()
        self.connection = connection
        self._has_views = False

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement."""
        result: QueryResult = self._run(sql, parameters)
        return result

    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run an INSERT, UPDATE or DELETE, and return the number of rows that it wrote."""
        return int(self._run(sql, parameters).rowcount)

    def server_time(self) -> datetime:
        """Return the instant by the server's clock."""
        found: datetime = self.fetch_value("select clock_timestamp()")
        return found.astimezone(timezone.utc)

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table. JSON stays text, so that numbers stay as written."""
        cursor = self.connection.cursor()
        register_default_jsonb(cursor, loads=lambda text: text)
        run_statement(cursor, sql)
        return _arrow_table(cursor.description, cursor.fetchall())

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables. The server keeps the rows that were not fetched yet."""
        with self.connection.cursor(name="ecom_rows") as cursor:
            register_default_jsonb(cursor, loads=lambda text: text)
            cursor.execute(sql)
            while rows := cursor.fetchmany(size):
                yield _arrow_table(cursor.description, rows)

    def append_rows(self, dataset: str, table: str, rows: pa.Table, json: Collection[str]) -> None:
        """Append rows to a table by COPY."""
        with self.connection.cursor() as cursor:
            copy_rows(cursor, f"{quote_identifier(dataset)}.{quote_identifier(table)}", rows, json)

    def storable_rows(self, rows: pa.Table, json: Collection[str]) -> tuple[pa.Table, int]:
        """Return rows with U+FFFD for U+0000, which PostgreSQL cannot store, and how many values have it."""
        return without_zero(rows, json)

    def type_of(self, column: Column) -> str:
        """Return the PostgreSQL type of a declared column."""
        sql_type = COLUMN_TYPES[column.data_type].postgres
        return sql_type.format(precision=column.precision, scale=column.scale)

    def column_of(self, name: str, sql_type: str) -> Column | None:
        """Return the column that has a type. dlt limits the texts of some columns of its own tables."""
        return super().column_of(
            name, re.sub(r"^(text|character varying\(\d+\))$", "character varying", sql_type)
        )

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        name = quote_identifier(column.name)
        if column.data_type == "decimal" and column.scale:
            return f"rtrim(rtrim(cast({name} as varchar), '0'), '.')"
        if column.data_type == "timestamp":
            text = f"""to_char({name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
            return f"replace({text}, '.000000Z', 'Z')"
        if column.data_type == "date":
            return f"to_char({name}, 'YYYY-MM-DD')"
        if column.data_type == "binary":
            return f"replace(encode({name}, 'base64'), chr(10), '')"
        return f"cast({name} as varchar)"

    @contextmanager
    def temporary_table(self, name: str, table: pa.Table, like: str | None = None) -> Iterator[None]:
        """Copy an Arrow table into a temporary table, and analyse it, so that joins with it are planned well."""
        columns = ", ".join(
            f"{quote_identifier(field.name)} {sql_type(field.type)}" for field in table.schema
        )
        create = f"create temporary table {name} ({columns})"
        json: list[str] = []
        if like:
            # which texts are JSON is known from the columns that they are compared with or inserted into
            description = self._run(f"select * from {like} limit 0", ()).description
            json = [column.name for column in description if column.type_code == _JSONB]
            names = ", ".join(quote_identifier(column) for column in table.column_names)
            create = f"create temporary table {name} as select {names} from {like} with no data"
        with self.connection.cursor() as cursor:
            cursor.execute(create)
            copy_rows(cursor, name, table, json)
            cursor.execute(f"analyze {name}")
        yield
        self._run(f"drop table {name}", ())

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Copy the files into a temporary table, and analyse it, so that joins with it are planned well."""
        listed = ", ".join(f"{quote_identifier(column)} {kind}" for column, kind in columns.items())
        self.execute(f"create temporary table {quote_identifier(name)} ({listed})")
        json = [column for column, kind in columns.items() if kind == _JSON]
        with self.connection.cursor() as cursor:
            for path in files:
                with pq.ParquetFile(path) as file:
                    for batch in file.iter_batches():
                        copy_rows(cursor, quote_identifier(name), pa.Table.from_batches([batch]), json)
            # without statistics the planner assumes some hundred keys, however many there are
            cursor.execute(f"analyze {quote_identifier(name)}")

    def create_schema(self, dataset: str) -> None:
        """Create a schema, unless it is there: PostgreSQL wants the right to create one also if it is."""
        if not self.execute("select 1 from pg_namespace where nspname = ?", [dataset]).fetchall():
            super().create_schema(dataset)

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view."""
        found = self.execute(
            "select obj_description(c.oid, 'pg_class') from pg_class as c join pg_namespace as n "
            "on n.oid = c.relnamespace where n.nspname = ? and c.relname = ? and c.relkind = 'v'",
            [dataset, name],
        ).fetchall()
        return found[0][0] if found else None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = self.execute(
            "select n.nspname, c.relname, obj_description(c.oid, 'pg_class') from pg_class as c join pg_namespace as n "
            "on n.oid = c.relnamespace where c.relkind = 'v' and obj_description(c.oid, 'pg_class') like ? "
            "order by 1, 2",
            [f"{UNION_COMMENT}%"],
        ).fetchall()
        return {(schema, name): comment for schema, name, comment in found}

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Create a view, or replace it. If columns do not only come at its end, it is dropped before."""
        self._lock_views()
        try:
            super().replace_view(dataset, name, query, comment)
        except psycopg2.errors.InvalidTableDefinition:
            self.execute(f'drop view if exists "{dataset}"."{name}"')
            super().replace_view(dataset, name, query, comment)

    def update_statistics(self, dataset: str) -> None:
        """Analyse the tables with an index of which a tenth has changed."""
        analyze_changed_tables(self.connection, dataset)

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Create the missing indexes, and analyse the tables that never were."""
        create_missing_indexes(self.connection, dataset, keys)

    def _run(self, sql: str, parameters: Sequence[Any]) -> Any:
        """Run a statement with `?` for parameters, and return the cursor with its result."""
        self._forget_if_changed(sql)
        if changed := _CHANGED_TABLE.match(sql):
            self._lock_views()
            self._drop_unions_over(*changed.groups())
        cursor = self.connection.cursor()
        text = sql.replace("%", "%%").replace("?", "%s")
        try:
            run_statement(cursor, text, list(parameters))
        except psycopg2.errors.ProgramLimitExceeded:
            # a key may be too long for an index: write it without the indexes
            inserted = _INSERTED_TABLE.match(sql)
            if inserted is None:
                raise
            drop_indexes(self.connection, inserted[1])
            run_statement(cursor, text, list(parameters))
        return cursor

    def _lock_views(self) -> None:
        """Let no other transaction write views of several shops, or change tables below them, before this one ends.

        Otherwise a view may come back between the look for it and the change of its table, or two transactions may
        wait for each other.
        """
        if not self._has_views:
            self._has_views = True
            self.execute("select pg_advisory_xact_lock(hashtext(?))", [UNION_COMMENT])

    def _drop_unions_over(self, dataset: str, table: str) -> None:
        """Drop the views over a table that loads make again, because PostgreSQL changes no table under a view."""
        found = self.execute(
            "select distinct vn.nspname, v.relname from pg_depend as d join pg_rewrite as r on r.oid = d.objid "
            "join pg_class as v on v.oid = r.ev_class join pg_namespace as vn on vn.oid = v.relnamespace "
            "join pg_class as t on t.oid = d.refobjid join pg_namespace as n on n.oid = t.relnamespace "
            "where n.nspname = ? and t.relname = ? and obj_description(v.oid, 'pg_class') like ?",
            [dataset, table, f"{UNION_COMMENT}%"],
        ).fetchall()
        for schema, name in found:
            self.execute(f'drop view if exists "{schema}"."{name}"')


def _arrow_table(description: Sequence[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return rows of a cursor as an Arrow table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(description)
    arrays = {}
    for column, values in zip(description, columns, strict=True):
        arrow_type = _ARROW_TYPES.get(column.type_code, pa.string())
        if column.type_code == _NUMERIC:
            arrow_type = pa.decimal128(column.precision, column.scale)
        arrays[column.name] = pa.array(values, arrow_type)
    return pa.table(arrays)
