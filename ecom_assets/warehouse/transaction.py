"""The Transaction: how a load or a reader uses an open warehouse.

The SQL is written once, in what all engines have in common, with `?` for parameters.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.query_result import QueryResult
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets.warehouse.type_hints import hints_of

COPY = "ecom_copy_of_column"
"""The name of a column, or of a table, while it is copied. No declared column can have it: a load drops it at once."""
UNION_COMMENT = "ecom-assets union"
"""The beginning of the comment of a view that loads make and replace."""
_CHANGES_TABLES = re.compile(r"\s*(alter|drop|create(?!\s+(temp|temporary|schema)\b))\b", re.I)
"""Statements after which a dataset may have other columns. Temporary tables are in no dataset."""

_hints: dict[tuple[type[Transaction], str], TColumnSchema | None] = {}
"""dlt's hint of each of an engine's types that was met. Each load looks at each column of its tables."""


class Transaction(ABC):
    """An open transaction. `Warehouse.transaction` and `Warehouse.read` begin it and end it."""

    driver_errors: tuple[type[Exception], ...]
    """The exceptions that the engine's driver raises. They are listed in the engine's `errors.py`."""
    is_rehearsal: bool = False
    """Whether tables and columns are made, but no rows are written. See `Warehouse.write`."""
    structure_commits: bool = False
    """Whether a new table stays, empty, if the load that made it was killed."""
    tells_case_apart: bool = True
    """Whether two tables may have names that differ in case only."""
    longest_text: int | None = None
    """Bytes of the longest text that the engine stores, None if it stores any that a load has."""
    stored_layout: tuple[int, str] | None = None
    """Layout and version of the dataset when it was opened, None if it had none. `warehouse.layout` finds them."""
    columns_query: str
    """A query for a dataset's columns: table, place in it, name, type, and whether the column may be null."""

    def __init__(self) -> None:
        """Know no columns yet."""
        self._columns: dict[str, dict[str, dict[str, str]]] = {}
        self._required: dict[str, set[tuple[str, str]]] = {}

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement. Raises one of `driver_errors`."""

    @abstractmethod
    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run an INSERT, UPDATE or DELETE, and return the number of rows that it wrote."""

    def fetch_value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a query with one row and one column, and return that value."""
        return self.execute(sql, parameters).fetchall()[0][0]

    @abstractmethod
    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table, with types that correspond to those of the columns."""

    @abstractmethod
    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables of at most `size` rows, as they come.

        Run no other statement before the last of them.
        """

    @abstractmethod
    def append_rows(self, dataset: str, table: str, rows: pa.Table, json: Collection[str]) -> None:
        """Append rows to a table.

        Args:
            dataset: The schema of the table.
            table: The table.
            rows: The rows, with the names of the table's columns.
            json: The columns whose texts are JSON.
        """

    def describe_load(self, dataset: str, load_ids: Sequence[str]) -> None:  # noqa: B027  # few engines can
        """Let the engine's list of statements name the loads of a run from here on, where it has such a list."""

    @property
    def bytes_read(self) -> int | None:
        """Bytes of tables that the statements have read so far, None if the engine does not tell."""
        return None

    def storable_rows(self, rows: pa.Table, json: Collection[str]) -> tuple[pa.Table, int]:
        """Return rows as the engine stores them, and how many values that changes.

        `json` are the columns whose texts are JSON.
        """
        return rows, 0

    def server_time(self) -> datetime | None:
        """Return the instant by the clock of the server, None if the engine runs on this machine."""
        return None

    def columns_of(self, dataset: str) -> Mapping[str, Mapping[str, str]]:
        """Return the engine's type of each column, by table and column, in the columns' order.

        The engine is asked once, and again after `execute` has changed a table.
        """
        if dataset not in self._columns:
            found: dict[str, dict[str, str]] = {}
            # sorted here, which is faster than by the engine
            required = set[tuple[str, str]]()
            for table, _, column, kind, nullable in sorted(self._columns_from_engine(dataset)):
                found.setdefault(table, {})[column] = kind
                if not nullable:
                    required.add((table, column))
            self._columns[dataset], self._required[dataset] = found, required
        return self._columns[dataset]

    def _columns_from_engine(self, dataset: str) -> Sequence[Any]:
        """Return the rows of `columns_query`."""
        return self.execute(self.columns_query, [dataset]).fetchall()

    def base_tables_of(self, dataset: str) -> Collection[str]:
        """Return the names of the tables of a dataset that are no views."""
        sql = "select table_name from information_schema.tables where table_type = 'BASE TABLE' "
        own = "and table_catalog = current_database() and table_schema = ?"
        return {name for (name,) in self.execute(sql + own, [dataset]).fetchall()}

    def required_columns_of(self, dataset: str) -> Collection[tuple[str, str]]:
        """Return table and name of each column that cannot be null."""
        self.columns_of(dataset)
        return self._required[dataset]

    def forget_columns(self) -> None:
        """Ask the engine for the columns again: something else than `execute` may have changed tables."""
        self._columns.clear()

    def _forget_if_changed(self, sql: str) -> None:
        """Forget the columns if a statement changes those of a dataset. Each `execute` calls this."""
        if _CHANGES_TABLES.match(sql):
            self.forget_columns()

    @abstractmethod
    def type_of(self, column: Column) -> str:
        """Return the engine's type of a declared column, spelled as in `columns_of`."""

    def column_of(self, name: str, sql_type: str) -> Column | None:
        """Return the column that has a type of the engine, spelled as in `columns_of`; None if no load makes it."""
        key = (type(self), sql_type)
        if key not in _hints:
            hints = hints_of(sql_type)
            found = (hint for hint in hints if self.type_of(evolved_column(name, hint)) == sql_type)
            _hints[key] = next(found, None)
        hint = _hints[key]
        return None if hint is None else evolved_column(name, hint)

    @abstractmethod
    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts, written as JSON writes them."""

    def change_type(self, dataset: str, table: str, before: Column, after: Column) -> None:
        """Give a column a wider type. Its values stay what they are, and are not rounded.

        Args:
            dataset: The schema of the table.
            table: The table.
            before: The column with the type that it has.
            after: The column with the new type.

        Raises:
            Exception: One of `driver_errors`, if the engine cannot change the column.
        """
        self.execute(
            f'alter table "{dataset}"."{table}" alter column "{after.name}" type {self.type_of(after)} '
            f"using {self.converted(before, after)}"
        )

    def rewrite_column(
        self,
        dataset: str,
        table: str,
        column: Column,
        expression: str,
        lookup: tuple[str, str] | None = None,
        without: str | None = None,
    ) -> None:
        """Give a column other values, and the type that goes with them. It is nullable then, and may come last.

        Args:
            dataset: The schema of the table.
            table: The table.
            column: The column with its new type.
            expression: The SQL of its new values, with the columns of the table and of the lookup.
            lookup: A temporary table, and the SQL condition that joins its rows to those of the table. The values of
                other rows become null.
            without: A column to drop in the same step.

        Raises:
            Exception: One of `driver_errors`, if the engine cannot change the column.
        """
        name = f'"{dataset}"."{table}"'
        kind, joined = self.type_of(column), " from {} where {}".format(*lookup) if lookup else ""
        self.execute(f"alter table {name} add column {COPY} {kind}")
        self.execute(f"update {name} as rows set {COPY} = cast({expression} as {kind}){joined}")
        for former in filter(None, (column.name, without)):
            self.execute(f'alter table {name} drop column "{former}"')
        self.execute(f'alter table {name} rename column {COPY} to "{column.name}"')

    def drop_column(self, dataset: str, table: str, column: str) -> None:
        """Drop a column of a table, of which other columns are updated in the same transaction."""
        self.execute(f'alter table "{dataset}"."{table}" drop column "{column}"')

    def converted(self, before: Column, after: Column) -> str:
        """Return the SQL expression of a column's values in a wider type."""
        if after.data_type == "text":
            return self.text_of(before)
        name = f'"{before.name}"'
        if after.data_type == "timestamp":
            return f"cast({name} as timestamp) at time zone 'UTC'"
        return f"cast({name} as {self.type_of(after)})"

    @abstractmethod
    def temporary_table(
        self, name: str, table: pa.Table, like: str | None = None
    ) -> AbstractContextManager[None]:
        """Make an Arrow table available to SQL until the end of the block.

        Args:
            name: The name that SQL uses for it.
            table: The rows.
            like: A table of the warehouse, as SQL names it. The columns get the types of that table's columns.
                Without it, the types follow the Arrow types.
        """

    @abstractmethod
    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Make the rows of Parquet files available to SQL until the connection is closed.

        Args:
            name: The name that SQL uses for them.
            columns: The engine's type of each column. A column that a file lacks is null.
            files: The files, each with some of the columns.
        """

    def create_schema(self, dataset: str) -> None:
        """Create a schema, unless it is there."""
        if not self.columns_of(dataset):
            self.execute(f'create schema if not exists "{dataset}"')

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks. These are nullable, as older rows have no value.

        Args:
            dataset: The schema of the table.
            table: The table.
            types: The engine's type of each column.
            required: The columns that a new table has as NOT NULL.
        """
        name, stored = f'"{dataset}"."{table}"', self.columns_of(dataset).get(table)
        if stored is None:
            columns = (
                f'"{column}" {kind}{" not null" if column in required else ""}'
                for column, kind in types.items()
            )
            known, not_null = self._columns[dataset], self._required[dataset]
            self.execute(f"create table {name} ({', '.join(columns)})")
            # no other table has changed, so that the engine need not be asked again
            self._columns[dataset] = {**known, table: dict(types)}
            self._required[dataset] = not_null | {(table, column) for column in required}
            return
        for column in types.keys() - stored.keys():
            self.execute(f'alter table {name} add column "{column}" {types[column]}')

    @abstractmethod
    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view, None if there is no such view, or if it has none."""

    @abstractmethod
    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Create a view, or replace the one of its name. The schema is created, too.

        Args:
            dataset: The schema of the view.
            name: The view.
            query: The query whose rows it has.
            comment: Its comment, by which it is known again. It has no quotes.

        Raises:
            Exception: One of `driver_errors`.
        """
        self.create_schema(dataset)
        self.execute(f'create or replace view "{dataset}"."{name}" as {query}')
        self.execute(f'comment on view "{dataset}"."{name}" is \'{comment}\'')

    def note_layouts(self, layouts: Mapping[str, RowLayout]) -> None:  # noqa: B027  # most engines need no layout
        """Note the layout of tables that this transaction may make, if the engine lays rows out by columns."""

    def update_statistics(self, dataset: str) -> None:  # noqa: B027  # most engines keep them themselves
        """Update what the planner knows of tables that have changed. A load does this before it takes the lock."""

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:  # noqa: B027
        """Create the missing indexes by which a load finds rows. Most engines keep statistics of blocks and need none.

        `keys` has the columns of each index, by table. Tables that do not exist yet are skipped.
        """
