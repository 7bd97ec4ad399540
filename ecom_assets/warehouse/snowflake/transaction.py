"""The Transaction of a database of Snowflake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecom_assets.declaration.column_types import types_by_arrow_type
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.remote.transaction import TEMPORARY, RemoteTransaction
from ecom_assets.warehouse.snowflake.errors import DRIVER_ERRORS
from ecom_assets.warehouse.snowflake.staging import FEW_ROWS, copy_statements, insert_statements, upload
from ecom_assets.warehouse.snowflake.types import COLUMNS_QUERY, SQL_TYPES, arrow_table, sql_type
from ecom_assets.warehouse.transaction import UNION_COMMENT


class SnowflakeTransaction(RemoteTransaction):
    """A transaction on a connection of Snowflake's driver. Names are upper case there, as Snowflake's users expect."""

    driver_errors = DRIVER_ERRORS
    dialect = "snowflake"

    def __init__(self, connection: Any) -> None:
        """Take an open connection, which the warehouse closes."""
        super().__init__()
        self.connection = connection

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier in upper case."""
        return identifier.upper()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in Snowflake's words."""
        cursor = self.connection.cursor()
        cursor.execute(sql, list(parameters) or None)
        return cursor

    def columns_of(self, dataset: str) -> Mapping[str, Mapping[str, str]]:
        """Return Snowflake's type of each column, by table and column, in the columns' order."""
        if dataset not in self._columns:
            rows = sorted(self.run(COLUMNS_QUERY, [dataset]).fetchall())
            found: dict[str, dict[str, str]] = {}
            for table, _, column, kind, _ in rows:
                found.setdefault(table, {})[column] = kind
            self._columns[dataset] = found
            self._required[dataset] = {(table, column) for table, _, column, _, null in rows if not null}
        return self._columns[dataset]

    def server_time(self) -> datetime:
        """Return the instant by Snowflake's clock."""
        found: datetime = self.run("select current_timestamp()").fetchall()[0][0]
        return found.astimezone(timezone.utc)

    def base_tables_of(self, dataset: str) -> set[str]:
        """Return the names of the tables of a dataset that are no views."""
        found = self.run(
            "select lower(table_name) from information_schema.tables "
            "where table_schema = upper(?) and table_type <> 'VIEW'",
            [dataset],
        ).fetchall()
        return {name for (name,) in found}

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table."""
        cursor = self.run(self._translated(sql))
        return arrow_table(cursor.description, cursor.fetchall())

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables."""
        cursor = self.run(self._translated(sql))
        while rows := cursor.fetchmany(size):
            yield arrow_table(cursor.description, rows)

    def type_of(self, column: Column) -> str:
        """Return Snowflake's type of a declared column."""
        return SQL_TYPES[column.data_type].format(precision=column.precision, scale=column.scale)

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        return f'cast("{column.name}" as varchar)'

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Insert rows into a table."""
        for sql, parameters in insert_statements(table, rows, types, self._quoted):
            self.run(sql, parameters)

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Bring the rows of the files into a temporary table."""
        made = self.stage_rows(name, columns)
        if sum(pq.read_metadata(file).num_rows for file in files) <= FEW_ROWS:
            for file in files:
                self.insert_rows(made, pq.read_table(file), columns)
            return
        raw, stage = self._quoted(f"{TEMPORARY}raw"), self._quoted(f"{TEMPORARY}files")
        upload(self.connection.cursor(), stage, files)
        for sql in copy_statements(made, raw, stage, columns, self._quoted):
            self.run(sql)

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view."""
        found = self.run(
            "select comment from information_schema.tables where table_schema = ? and table_name = ? "
            "and table_type = 'VIEW'",
            [dataset.upper(), name.upper()],
        ).fetchall()
        return found[0][0] if found else None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = self.run(
            "select lower(table_schema), lower(table_name), comment from information_schema.tables "
            f"where table_type = 'VIEW' and startswith(comment, '{UNION_COMMENT}') order by 1, 2"
        ).fetchall()
        return {(schema, name): comment for schema, name, comment in found}

    def _types_of(self, rows: pa.Table, like: str | None) -> dict[str, str]:
        """Return Snowflake's type of each column of Arrow rows, or of the columns of a table of the warehouse."""
        if like:
            described = self.run(self._translated(f"select * from {like} where false")).description
            stored = {column[0].lower(): sql_type(column) for column in described}
            return {name: stored[name.lower()] for name in rows.column_names}
        known = types_by_arrow_type()
        kinds = {field.name: known.get(field.type, "text") for field in rows.schema}
        return {
            name: SQL_TYPES[kind].format(
                precision=getattr(rows.schema.field(name).type, "precision", 38),
                scale=getattr(rows.schema.field(name).type, "scale", 9),
            )
            for name, kind in kinds.items()
        }
