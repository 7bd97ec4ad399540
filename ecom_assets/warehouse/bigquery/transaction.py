"""The Transaction of a dataset of BigQuery."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from sqlglot import exp

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.bigquery.connection import REQUEST_TIMEOUT, RETRY, Connection, Cursor, label_value
from ecom_assets.warehouse.bigquery.errors import DRIVER_ERRORS
from ecom_assets.warehouse.bigquery.lock import LOCK_TABLES
from ecom_assets.warehouse.bigquery.rewriting import FILES, rewriting
from ecom_assets.warehouse.bigquery.staging import are_few, row_queries, whole_file
from ecom_assets.warehouse.bigquery.types import (
    SQL_TYPES,
    arrow_table,
    decimal_type,
    definition,
    type_of_field,
)
from ecom_assets.warehouse.remote.answers import NoRows
from ecom_assets.warehouse.remote.transaction import TEMPORARY, RemoteTransaction
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets.warehouse.transaction import UNION_COMMENT

_MOST_CLUSTER_COLUMNS = 4
_CLUSTERED = ("STRING", "INT64", "BOOL", "NUMERIC", "BIGNUMERIC", "TIMESTAMP", "DATE")
"""Types by which BigQuery sorts the rows of a table."""
_REQUESTS_AT_ONCE = 8
_DAY = "timestamp_add(current_timestamp(), interval 1 day)"


class BigQueryTransaction(RemoteTransaction):
    """A transaction in a session. Temporary tables of the session are a part of it, tables of the dataset are not."""

    driver_errors = DRIVER_ERRORS
    dialect = "bigquery"
    sql_types = SQL_TYPES
    tells_case_apart = True
    rewritten: Callable[[exp.Expression], exp.Expression]  # type: ignore[assignment]
    connection: Connection

    def __init__(self, connection: Connection) -> None:
        """Take an open session, which the warehouse closes."""
        super().__init__(connection)
        self.rewritten = rewriting(connection.dataset)
        self._keys: dict[str, Sequence[str]] = {}
        self._loaded: list[str] = []

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier as it is."""
        return identifier

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run a statement in BigQuery's words."""
        return self.connection.run(sql, parameters)

    def drop_tables(self) -> None:
        """Drop what was dropped in the transaction, and the tables into which files were loaded."""
        super().drop_tables()
        self.drop_loaded_files()

    def drop_loaded_files(self) -> None:
        """Drop the tables into which files were loaded. If that fails, they vanish after a day."""
        while self._loaded:
            with suppress(*DRIVER_ERRORS):
                name = self.connection.table(self._loaded.pop())
                self.connection.client.delete_table(
                    name, not_found_ok=True, retry=RETRY, timeout=REQUEST_TIMEOUT
                )

    def base_tables_of(self, dataset: str) -> set[str]:
        """Return the names of the tables of a dataset that are no views."""
        return {entry.table_id for entry in self._tables_of(dataset) if entry.table_type == "TABLE"}

    def describe_load(self, dataset: str, load_ids: Sequence[str]) -> None:
        """Label the jobs with the loads: they have the dataset already."""
        self.connection.labels["loads"] = label_value("_".join(load_ids))

    @property
    def bytes_read(self) -> int:
        """Bytes of tables that the queries have read so far."""
        return self.connection.bytes_processed

    def server_time(self) -> datetime:
        """Return the instant by BigQuery's clock."""
        found: datetime = self.run("select current_timestamp()").fetchall()[0][0]
        return found

    def create_schema(self, dataset: str) -> None:
        """Do nothing: the warehouse makes the dataset before a load."""

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Cluster new tables by their first key."""
        self._keys.update({table: found[0] for table, found in keys.items() if found})

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks. Another load may do the same at this moment."""
        known = {name: dict(columns) for name, columns in self.columns_of(dataset).items()}
        not_null = set(self._required[dataset])
        stored = known.get(table, {})
        if not types.keys() - stored.keys():
            return
        if not stored:
            not_null |= {(table, column) for column in required}
        super().make_table(dataset, table, types, required)
        # no other table has changed, so that BigQuery need not be asked again before the transaction
        self._columns[dataset] = {**known, table: {**types, **stored}}
        self._required[dataset] = not_null

    def _layout(self, table: str, types: Mapping[str, str]) -> str:
        """Partition a table by a day and cluster it by its key, so that a load need not read all of it."""
        layout, text = self._layouts.get(table, RowLayout()), ""
        day_of = layout.day_of or ""
        if types.get(day_of) == "TIMESTAMP":
            text = f" partition by timestamp_trunc({self._quoted(day_of)}, day)"
        elif types.get(day_of) == "DATE":
            text = f" partition by {self._quoted(day_of)}"
        key = [
            column
            for column in layout.clustered_by or self._keys.get(table, ())
            if types.get(column, "").partition("(")[0] in _CLUSTERED
        ][:_MOST_CLUSTER_COLUMNS]
        return f"{text} cluster by {', '.join(map(self._quoted, key))}" if key else text

    def type_of(self, column: Column) -> str:
        """Return BigQuery's type of a declared column."""
        if column.data_type == "decimal":
            text = super().type_of(column)  # NUMERIC(precision,scale)
            precision, scale = text.partition("(")[2].rstrip(")").split(",")
            return decimal_type(int(precision), int(scale))
        return super().type_of(column)

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        return f'cast("{column.name}" as varchar)'

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of the cursor as an Arrow table."""
        return arrow_table(cursor.schema, rows)

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Insert rows into a table."""
        listed = ", ".join(self._quoted(column) for column in rows.column_names)
        for query, parameter in row_queries(rows, types, self._quoted):
            self.run(f"insert into {table} ({listed}) {query}", [parameter])

    def _fill(self, name: str, table: pa.Table, types: Mapping[str, str]) -> None:
        """Make a temporary table with rows. One job does both, unless there are many rows."""
        made = ""
        for query, parameter in row_queries(table, types, self._quoted):
            if made:
                self.run(f"insert into {made} {query}", [parameter])
            else:
                self._temporary[name] = f"{TEMPORARY}{uuid4().hex}"
                made = self._quoted(self._temporary[name])
                self.run(f"create temporary table {made} as {query}", [parameter])
        if not made:
            self.stage_rows(name, types)

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Bring the rows of the files into a temporary table, or into one of the dataset that vanishes after a day."""
        if are_few(files):
            made = self.stage_rows(name, columns)
            for file in files:
                self.insert_rows(made, pq.read_table(file), columns)
            return
        loaded = f"{FILES}{uuid4().hex}"
        self._temporary[name] = loaded
        self.run(
            f"create table {self._table(self.connection.dataset, loaded)} ({self._definitions(columns)}) "
            f"options(expiration_timestamp = {_DAY})"
        )
        self._loaded.append(loaded)
        arrow = {column: self._arrow_type_of(column, kind) for column, kind in columns.items()}
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=self.connection.labels,
        )
        for file in files:
            with whole_file(file, arrow) as stream:
                job = self.connection.client.load_table_from_file(
                    stream, self.connection.table(loaded), job_config=config, timeout=REQUEST_TIMEOUT
                )
                job.result(retry=RETRY)

    def _arrow_type_of(self, name: str, kind: str) -> pa.DataType:
        column = self.column_of(name, kind)
        assert column is not None
        return COLUMN_TYPES[column.data_type].arrow_type(column.precision, column.scale)

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view: the description of BigQuery."""
        try:
            table = self._described(dataset, name)
        except NotFound:
            return None
        return table.description if table.table_type == "VIEW" else None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = {}
        for dataset in self.connection.client.list_datasets(retry=RETRY, timeout=REQUEST_TIMEOUT):
            for entry in self._tables_of(dataset.dataset_id):
                if entry.table_type != "VIEW":
                    continue
                comment = self.view_comment(dataset.dataset_id, entry.table_id)
                if comment is not None and comment.startswith(UNION_COMMENT):
                    found[dataset.dataset_id, entry.table_id] = comment
        return found

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Create a view, or replace the one of its name, and say in its description who made it."""
        made = self.connection.client.create_dataset
        reference = bigquery.Dataset(f"{self.connection.project}.{dataset}")
        reference.location = self.connection.location
        made(reference, exists_ok=True, retry=RETRY, timeout=REQUEST_TIMEOUT)
        self._change(f"create or replace view {self._table(dataset, name)} as {self._translated(query)}")
        view = self._described(dataset, name)
        view.description = comment
        self.connection.client.update_table(view, ["description"], retry=RETRY, timeout=REQUEST_TIMEOUT)

    def _columns_from_engine(self, dataset: str) -> Sequence[Any]:
        """Ask the API, which costs nothing: queries of INFORMATION_SCHEMA are billed."""

        def described(name: str) -> Any:
            with suppress(NotFound):
                return self._described(dataset, name)
            return None

        names = [
            entry.table_id
            for entry in self._tables_of(dataset)
            if entry.table_id not in LOCK_TABLES and not entry.table_id.startswith(TEMPORARY)
        ]
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            tables = list(pool.map(described, names))
        return [
            (table.table_id, number, field.name, type_of_field(field), field.mode != "REQUIRED")
            for table in tables
            if table is not None
            for number, field in enumerate(table.schema)
        ]

    def _tables_of(self, dataset: str) -> list[Any]:
        reference = f"{self.connection.project}.{dataset}"
        try:
            return list(self.connection.client.list_tables(reference, retry=RETRY, timeout=REQUEST_TIMEOUT))
        except NotFound:
            return []

    def _described(self, dataset: str, name: str) -> Any:
        reference = self.connection.table(name, dataset)
        return self.connection.client.get_table(reference, retry=RETRY, timeout=REQUEST_TIMEOUT)

    def _drop(self, sql: str, kind: str, name: str) -> NoRows:
        """Delete the rows of a table in the transaction, and drop it, or something else, after the commit."""
        if kind == "schema" and not self.is_rehearsal:
            dataset = name.strip('"')
            self._drops += [f"drop table if exists {self._table(dataset, table)}" for table in LOCK_TABLES]
        return super()._drop(sql, kind, name)

    def _make(self, name: str, columns: str) -> str:
        """Make a temporary table of the session, which commits nothing. Each has a new name."""
        self._temporary[name] = f"{TEMPORARY}{uuid4().hex}"
        made = self._quoted(self._temporary[name])
        self.run(f"create temporary table {made} {columns}")
        return made

    def _make_of_query(self, name: str, query: str) -> None:
        """Make a temporary table of the answer of a query."""
        self._make(name, f"as {query}")

    def _definitions(self, types: Mapping[str, str], required: Collection[str] = ()) -> str:
        return ", ".join(
            f"{self._quoted(column)} {definition(kind, required=column in required)}"
            for column, kind in types.items()
        )

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        return {field.name: type_of_field(field) for field in self.connection.schema_of(query)}

    def _type_of_arrow(self, kind: pa.DataType) -> str:
        if pa.types.is_decimal(kind):
            return decimal_type(kind.precision, kind.scale)
        return super()._type_of_arrow(kind)
