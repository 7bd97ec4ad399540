"""The Transaction of a database of Redshift.

Redshift creates, alters and drops tables within a transaction, so that no load is rehearsed. It has no savepoints: a
statement that fails ends the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import TRANSACTION_STATUS_INERROR
from sqlglot import exp

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.postgres.copy import without_zero
from ecom_assets.warehouse.redshift.catalogue import (
    COLUMNS_QUERY,
    TABLES_QUERY,
    TEMPORARY_COLUMNS_QUERY,
    VIEWS_QUERY,
)
from ecom_assets.warehouse.redshift.errors import DRIVER_ERRORS, explain
from ecom_assets.warehouse.redshift.literals import filled, literal, numbered
from ecom_assets.warehouse.redshift.lock import run_within
from ecom_assets.warehouse.redshift.rewriting import rewritten
from ecom_assets.warehouse.redshift.staging import (
    columns_with_trailing_blanks,
    insert_statements,
    refuse_blanks,
    refuse_long_values,
)
from ecom_assets.warehouse.redshift.types import (
    JSON,
    MOST_BYTES,
    SQL_TYPES,
    arrow_table,
    known_type,
    text_of,
)
from ecom_assets.warehouse.remote.answers import NoRows
from ecom_assets.warehouse.remote.lock import LOCK_TABLE
from ecom_assets.warehouse.remote.transaction import TEMPORARY, RemoteTransaction
from ecom_assets.warehouse.remote.translation import (
    changes_structure,
    dropped_in,
    dropped_temporary_in,
    is_analysis,
    temporary_query_in,
    translate,
)
from ecom_assets.warehouse.staged_names import table_of
from ecom_assets.warehouse.transaction import UNION_COMMENT, Transaction

BEGIN_READING = "begin read only"
_BATCH_ROWS = 10_000
_FETCHED_ROWS = 1_000
"""Rows of one FETCH: what a cluster with one node returns at most."""
_LONGEST_LABEL = 320
"""Characters of the label of a query."""
_CLOCK = "%a %b %d %H:%M:%S.%f %Y"
_RELAXED = re.compile(
    r'\s*alter\s+table\s+"?([^".]+)"?\."?([^".\s]+)"?\s+alter\s+column\s+"?([^"\s]+)"?\s+drop\s+not\s+null\s*',
    re.IGNORECASE,
)
_WAITS = re.compile(r"\s*(alter|drop)\b", re.IGNORECASE)
"""Statements that wait for whoever reads the table."""


class RedshiftTransaction(RemoteTransaction):
    """A transaction on a connection of psycopg2 that commits each statement by itself before `begin`."""

    driver_errors = DRIVER_ERRORS
    structure_commits = False
    dialect = "redshift"
    sql_types = SQL_TYPES
    columns_query = COLUMNS_QUERY
    longest_text = MOST_BYTES

    def __init__(self, connection: Any, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Take psycopg2's open connection.

        Args:
            connection: The connection, which the warehouse closes.
            lock_timeout: How many seconds a change of a table waits for others.
        """
        super().__init__(connection)
        self._lock_timeout = lock_timeout
        self._numbers = count()
        self._blanks: dict[str, set[str]] = {}

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier in lower case."""
        return identifier.lower()

    @staticmethod
    def rewritten(tree: exp.Expression) -> exp.Expression:
        """Return a statement with the forms of Redshift."""
        return rewritten(tree)

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in Redshift's words. After an error, a reader reads what is committed by then."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(filled(sql, parameters))
        except DRIVER_ERRORS as error:
            explain(error)
            failed = self.connection.info.transaction_status == TRANSACTION_STATUS_INERROR
            if failed and not self.is_open:
                self.connection.cursor().execute("rollback")
                self.connection.cursor().execute(BEGIN_READING)
            raise
        return cursor

    def describe_load(self, dataset: str, load_ids: Sequence[str]) -> None:
        """Let the query history name the loads. It names the dataset since the connection was opened."""
        self.run(
            f"set query_group to {literal(' '.join(('ecom-assets', dataset, *load_ids))[:_LONGEST_LABEL])}"
        )

    def server_time(self) -> datetime:
        """Return the instant by the clock of the server. Other functions of Redshift return whole seconds."""
        text = str(self.run("select timeofday()").fetchall()[0][0])
        return datetime.strptime(text.rpartition(" ")[0], _CLOCK).replace(tzinfo=timezone.utc)

    def base_tables_of(self, dataset: str) -> set[str]:
        """Return the names of the tables of a dataset that are no views."""
        return {name for (name,) in self.run(TABLES_QUERY, [self.spelled(dataset)]).fetchall()}

    def column_of(self, name: str, sql_type: str) -> Column | None:
        """Return the column that has a type. Somebody else's tables may have shorter texts."""
        return super().column_of(name, re.sub(r"^character varying\(\d+\)$", SQL_TYPES["text"], sql_type))

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        return text_of(column)

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of the driver's cursor as an Arrow table."""
        return arrow_table(cursor.description, rows)

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables. The server keeps the rows that were not fetched yet."""
        self.run(f"declare ecom_rows cursor for {self._translated(sql)}")
        rows: list[Any] = []
        while True:
            cursor = self.run(f"fetch forward {min(size, _FETCHED_ROWS)} from ecom_rows")
            fetched = cursor.fetchall()
            rows += fetched
            if rows and (not fetched or len(rows) >= size):
                yield self.arrow_table(cursor, rows[:size])
                rows = rows[size:]
            if not fetched:
                break
        self.run("close ecom_rows")

    def storable_rows(self, rows: pa.Table, json: Collection[str]) -> tuple[pa.Table, int]:
        """Return rows with U+FFFD for U+0000, which Redshift cannot store, and how many values have it."""
        return without_zero(rows, json)

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str], name: str = "") -> None:
        """Insert rows into a table.

        Args:
            table: The table, in the words of Redshift.
            rows: The rows.
            types: Redshift's type of each column.
            name: The table's name in messages.

        Raises:
            ValueNotStored: A value is too long.
        """
        rows, _ = without_zero(rows, [column for column, kind in types.items() if kind == JSON])
        refuse_long_values(name or table, rows)
        for sql in insert_statements(table, rows, types, self._quoted):
            self.run(sql)

    def append_rows(self, dataset: str, table: str, rows: pa.Table, json: Collection[str]) -> None:
        """Append rows to a table."""
        if rows.num_rows:
            self.insert_rows(self._table(dataset, table), rows, self.columns_of(dataset)[table], table)

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Insert the rows of the files into a temporary table."""
        made = self.stage_rows(name, columns)
        table = table_of(name)
        blanks = self._blanks.setdefault(table, set())
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
                rows = pa.Table.from_batches([batch])
                blanks |= columns_with_trailing_blanks(rows)
                self.insert_rows(made, rows, columns, table)

    def create_schema(self, dataset: str) -> None:
        """Do nothing: the warehouse makes the schema before a load."""

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks."""
        types = {column: known_type(kind) for column, kind in types.items()}
        name, stored = self._table(dataset, table), self.columns_of(dataset).get(table)
        if stored is None:
            known, not_null = self._columns[dataset], self._required[dataset]
            self._change(f"create table {name} ({self._definitions(types, required)})")
            # no other table has changed, so that the engine need not be asked again
            self._columns[dataset] = {**known, table: dict(types)}
            self._required[dataset] = not_null | {(table, column) for column in required}
            return
        for column in types.keys() - stored.keys():
            self._change(f"alter table {name} add column {self._definitions({column: types[column]})}")

    def change_type(self, dataset: str, table: str, before: Column, after: Column) -> None:
        """Give a column a wider type, by another column: Redshift changes no type within a transaction."""
        self.rewrite_column(dataset, table, after, self.converted(before, after))

    def rewrite_column(
        self,
        dataset: str,
        table: str,
        column: Column,
        expression: str,
        lookup: tuple[str, str] | None = None,
        without: str | None = None,
    ) -> None:
        """Give a column other values, and the type that goes with them. See `Transaction.rewrite_column`."""
        Transaction.rewrite_column(self, dataset, table, column, expression, lookup, without)

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Refuse keys that Redshift would take for the same. There are no indexes.

        Raises:
            ValueNotStored: A staged text of a key ends with a blank.
        """
        for table, columns in keys.items():
            refuse_blanks(table, self._blanks.get(table, set()), {name for key in columns for name in key})

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view."""
        return self._comments().get((self.spelled(dataset), self.spelled(name)))

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = self._comments().items()
        return {view: comment for view, comment in found if comment and comment.startswith(UNION_COMMENT)}

    def _comments(self) -> Mapping[tuple[str, str], str | None]:
        return {(schema, name): text for schema, name, text in self.run(VIEWS_QUERY).fetchall()}

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Create a view, or replace it. Without a binding to the tables below, these can still be changed."""
        view = self._table(dataset, name)
        self._change(f"drop view if exists {view}")
        self._change(f"create view {view} as {self._translated(query)} with no schema binding")
        self._change(f"comment on view {view} is '{comment}'")

    def _execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        if temporary := temporary_query_in(sql):
            name, query = temporary
            self._make(name, f"as {self._translated(query)}")
            return NoRows()
        dropped = dropped_temporary_in(sql)
        if dropped in self._temporary:
            del self._temporary[dropped]
            return NoRows()
        if is_analysis(sql):
            return NoRows()
        if relaxed := _RELAXED.fullmatch(sql):
            dataset, table, name = relaxed.groups()
            column = self.column_of(name, self.columns_of(dataset)[table][name])
            if column is not None:
                self.rewrite_column(dataset, table, column, f'"{name}"')
                return NoRows()
        if (drop := dropped_in(sql)) and drop[0] == "schema":
            self._change(self._translated(f"drop table if exists {drop[1]}.{LOCK_TABLE}"))
        if changes_structure(sql):
            return self._change(self._translated(sql))
        return self.run(self._translated(sql), parameters)

    def _change(self, translated: str) -> Any:
        """Run a statement that changes a table. It waits no longer for others than for the lock."""
        self.forget_columns()
        if not self.is_open or not _WAITS.match(translated):
            return self.run(translated)
        return run_within(self.run, translated, self._lock_timeout)

    def _make(self, name: str, columns: str) -> str:
        """Make a temporary table of this connection, under a name that no other one of it has."""
        short = f"{TEMPORARY}{next(self._numbers)}"
        self._temporary[name] = short
        made = self._quoted(short)
        self.run(f"create temporary table {made} {columns}")
        return made

    def _columns_from_engine(self, dataset: str) -> Sequence[Any]:
        found = self.run(self.columns_query, [self.spelled(dataset)]).fetchall()
        return [
            (table, place, name, known_type(kind), nullable) for table, place, name, kind, nullable in found
        ]

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        """Return Redshift's type of each column of the answer of a query, by a temporary table that has its columns."""
        name = f"{TEMPORARY}types_{next(self._numbers)}"
        self.run(f"create temporary table {name} as {query}")
        found = self.run(TEMPORARY_COLUMNS_QUERY, [name]).fetchall()
        return {column: known_type(kind) for column, kind in found}

    def _translated(self, sql: str) -> str:
        return translate(numbered(sql), self.dialect, self.spelled, self._temporary, self.rewritten)
