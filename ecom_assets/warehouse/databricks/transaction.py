"""The Transaction of a catalog of Databricks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.databricks.connection import Connection, Cursor
from ecom_assets.warehouse.databricks.errors import DRIVER_ERRORS, has_column_already
from ecom_assets.warehouse.databricks.rewriting import rewritten
from ecom_assets.warehouse.databricks.staging import BATCH_ROWS, insert_statements
from ecom_assets.warehouse.databricks.times import time_columns, with_times
from ecom_assets.warehouse.databricks.types import (
    COLUMNS_BY_NAME,
    COLUMNS_QUERY,
    SQL_TYPES,
    TABLE_PROPERTIES,
    arrow_table,
    definition,
    sql_type,
)
from ecom_assets.warehouse.remote.errors import NotPrepared
from ecom_assets.warehouse.remote.lock import LOCK_TABLE
from ecom_assets.warehouse.remote.transaction import TEMPORARY, RemoteTransaction
from ecom_assets.warehouse.transaction import UNION_COMMENT

_LOAD = "{load}"
"""Stands for the number of a load in a statement that another try of it runs again."""


class DatabricksTransaction(RemoteTransaction):
    """A transaction on a connection. Tables for the rows of a load are ordinary ones, which the connection drops.

    Databricks' temporary tables are not: its manual says which tables a transaction may write, and they are not among
    them.
    """

    driver_errors = DRIVER_ERRORS
    dialect = "databricks"
    sql_types = SQL_TYPES
    columns_query = COLUMNS_QUERY
    connection: Connection

    def __init__(self, connection: Connection) -> None:
        """Take an open connection, which the warehouse closes."""
        super().__init__(connection)
        self._load = uuid4().hex[:12]

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier in lower case, as Unity Catalog keeps it."""
        return identifier.lower()

    @staticmethod
    def rewritten(tree: exp.Expression) -> exp.Expression:
        """Return a statement with the forms of Databricks."""
        return rewritten(tree)

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement in Databricks' words."""
        return self.connection.run(sql, parameters)

    def end_rehearsal(self, missing: Collection[str]) -> None:
        """Make tables for rows that an earlier rehearsal did not make, and write again from here on."""
        super().end_rehearsal([])
        for statement in missing:
            self._create(statement.replace(_LOAD, self._load))

    def server_time(self) -> datetime:
        """Return the instant by Databricks' clock."""
        found: datetime = self.run("select current_timestamp()").fetchall()[0][0]
        return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)

    def create_schema(self, dataset: str) -> None:
        """Do nothing: the warehouse makes the schema before a load."""

    def base_tables_of(self, dataset: str) -> set[str]:
        """Return the names of the tables of a dataset that are no views."""
        found = self.connection.run_outside(
            "select table_name from information_schema.tables where table_schema = lower(?) and table_type <> 'VIEW'",
            [dataset],
        ).fetchall()
        return {name for (name,) in found}

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        return f'cast("{column.name}" as varchar)'

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of a cursor as an Arrow table."""
        return arrow_table(cursor.description, rows)

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table."""
        return with_times(super().fetch_arrow(sql), time_columns(sql, self._stored_types))

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables."""
        times = time_columns(sql, self._stored_types)
        for rows in super().arrow_batches(sql, size):
            yield with_times(rows, times)

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Insert rows into a table."""
        for sql, parameters in insert_statements(table, rows, types, self._quoted):
            self.run(sql, parameters)

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Insert the rows of the files into a table of this load."""
        made = self.stage_rows(name, columns)
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS):
                self.insert_rows(made, pa.Table.from_batches([batch]), columns)

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks. Another load may do the same at this moment."""
        name, stored = self._table(dataset, table), self.columns_of(dataset).get(table)
        if stored is None:
            super().make_table(dataset, table, types, required)
            return
        for column in types.keys() - stored.keys():
            try:
                self._change(f"alter table {name} add columns ({self._definitions({column: types[column]})})")
            except DRIVER_ERRORS as error:
                if not has_column_already(error):
                    raise

    def _layout(self, table: str, types: Mapping[str, str]) -> str:
        """Return the properties of a new table. How rows are laid out is left to Databricks."""
        return f" {COLUMNS_BY_NAME}"

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view."""
        found = self.connection.run_outside(
            "select comment from information_schema.tables where table_schema = lower(?) and table_name = lower(?) "
            "and table_type = 'VIEW'",
            [dataset, name],
        ).fetchall()
        return found[0][0] if found else None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = self.connection.run_outside(
            "select table_schema, table_name, comment from information_schema.tables "
            f"where table_type = 'VIEW' and startswith(comment, '{UNION_COMMENT}') order by 1, 2"
        ).fetchall()
        return {(schema, name): comment for schema, name, comment in found}

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Create a view, or replace the one of its name, with a comment that says who made it."""
        view = self._table(dataset, name)
        self._change(f"create or replace view {view} comment '{comment}' as {self._translated(query)}")

    def _stored_types(self, dataset: str, table: str) -> Mapping[str, str]:
        return self.columns_of(dataset).get(table, {})

    def _columns_from_engine(self, dataset: str) -> Sequence[Any]:
        return self.connection.run_outside(self.columns_query, [dataset]).fetchall()

    def _change(self, translated: str) -> Cursor:
        """Run a statement that changes a table, which commits it. Another load may do the same at this moment."""
        if self.is_open:
            raise NotPrepared(translated)
        self.forget_columns()
        return self.connection.change(translated)

    def _drop(self, sql: str, kind: str, name: str) -> Any:
        """Delete the rows of a table in the transaction, and drop it, or something else, after the commit."""
        if kind == "schema" and not self.is_rehearsal:
            # what killed loads have left would keep the schema
            schema = name.strip('"')
            self._drops += [
                f"drop table if exists {self._table(schema, table)}"
                for table in self.base_tables_of(schema)
                if table == LOCK_TABLE or table.startswith(TEMPORARY)
            ]
        return super()._drop(sql, kind, name)

    def _definitions(self, types: Mapping[str, str], required: Collection[str] = ()) -> str:
        return ", ".join(
            f"{self._quoted(column)} {definition(kind, required=column in required)}"
            for column, kind in types.items()
        )

    def _named(self, name: str, columns: str) -> str:
        """Return the name of a table for rows: the number of the load keeps those of two loads apart."""
        text = f"{self._held.place_of(name)} {columns.replace(self._load, _LOAD)}"
        short = f"{TEMPORARY}{self._load}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self._temporary[name] = short
        return short

    def _make(self, name: str, columns: str) -> str:
        """Make a table for rows, or empty it if it was prepared, and return its name in the words of the engine."""
        made = self._quoted(self._named(name, columns))
        properties = (
            f"{TABLE_PROPERTIES} {columns}" if columns.startswith("as ") else f"{columns} {TABLE_PROPERTIES}"
        )
        statement = f"create or replace table {made} {properties}"
        if not self.is_open:
            self._create(statement)
        elif statement in self._prepared:
            self.run(f"delete from {made}")
        else:
            raise NotPrepared(statement.replace(self._load, _LOAD))
        return made

    def _create(self, statement: str) -> None:
        made = statement.split()[4]
        if made not in self.connection.made:
            self.connection.made.append(made)
        self.run(statement)
        self._prepared.add(statement)

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        """Return Databricks' type of each column of the answer of a query."""
        return {column[0]: sql_type(column) for column in self.run(query).description or ()}
