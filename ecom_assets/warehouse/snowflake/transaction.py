"""The Transaction of a database of Snowflake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.remote.transaction import TEMPORARY, RemoteTransaction
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets.warehouse.snowflake.errors import DRIVER_ERRORS
from ecom_assets.warehouse.snowflake.staging import FEW_ROWS, copy_statements, insert_statements, upload
from ecom_assets.warehouse.snowflake.types import COLUMNS_QUERY, SQL_TYPES, arrow_table, sql_type
from ecom_assets.warehouse.transaction import UNION_COMMENT

_LONGEST_TAG = 2_000
"""Characters of a QUERY_TAG."""


class SnowflakeTransaction(RemoteTransaction):
    """A transaction on a connection of Snowflake's driver. Names are upper case there, as Snowflake's users expect."""

    driver_errors = DRIVER_ERRORS
    dialect = "snowflake"
    sql_types = SQL_TYPES
    columns_query = COLUMNS_QUERY

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier in upper case."""
        return identifier.upper()

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in Snowflake's words."""
        cursor = self.connection.cursor()
        cursor.execute(sql, list(parameters) or None)
        return cursor

    def describe_load(self, dataset: str, load_ids: Sequence[str]) -> None:
        """Let the query history name the loads. It names the dataset since the connection was opened."""
        tag = " ".join(("ecom-assets", dataset, *load_ids))[:_LONGEST_TAG]
        self.run(f"alter session set query_tag = '{tag}'")

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

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        return f'cast("{column.name}" as varchar)'

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of the driver's cursor as an Arrow table."""
        return arrow_table(cursor.description, rows)

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

    def _layout(self, table: str, types: Mapping[str, str]) -> str:
        """Cluster a table by the columns that are declared for that. Snowflake charges for keeping them in order."""
        columns = self._layouts.get(table, RowLayout()).clustered_by
        known = [self._quoted(column) for column in columns if column in types]
        return f" cluster by ({', '.join(known)})" if known else ""

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        """Return Snowflake's type of each column of the answer of a query."""
        return {column[0]: sql_type(column) for column in self.run(query).description}
