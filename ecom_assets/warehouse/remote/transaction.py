"""The Transaction of a service whose statements on tables commit by themselves.

Such a statement would end the transaction of a load in the middle, also if it only makes a temporary table. So a load
is rehearsed first: the same statements run without a transaction and without the lock. Missing tables and columns and
all temporary tables are made then, and no row of a table is written. In the transaction itself, the temporary tables
of queries are emptied and filled again; those of rows that the run brings keep them. A load that is killed meanwhile
may leave an empty table or an empty column, never a row.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlglot import exp

from ecom_assets.declaration.column_types import DataType, types_by_arrow_type
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.query_result import QueryResult
from ecom_assets.warehouse.remote.answers import Answer, NoRows
from ecom_assets.warehouse.remote.errors import NotAtomic, NotPrepared
from ecom_assets.warehouse.remote.held_rows import HeldRows
from ecom_assets.warehouse.remote.translation import (
    changes_structure,
    dropped_in,
    dropped_temporary_in,
    is_analysis,
    renames_table,
    temporary_query_in,
    translate,
    written_in,
)
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets.warehouse.transaction import Transaction

TEMPORARY = "ecom_temp_"
"""Begins the names of temporary tables."""


class RemoteTransaction(Transaction):
    """A transaction of a service, or what comes before it on the same connection."""

    structure_commits = True
    tells_case_apart = False
    dialect: str
    """sqlglot's name of the engine."""
    sql_types: Mapping[DataType, str]
    """The engine's type of each type of a declaration, spelled as in `columns_of`."""

    def __init__(self, connection: Any) -> None:
        """Take the driver's open connection, which the warehouse closes, before the transaction."""
        super().__init__()
        self.connection = connection
        self.is_open = False
        self._temporary: dict[str, str] = {}
        self._prepared: set[str] = set()
        self._drops: list[str] = []
        self._held = HeldRows()
        self._layouts: dict[str, RowLayout] = {}

    @abstractmethod
    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in the words of the engine, and return the driver's cursor."""

    @abstractmethod
    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Insert rows into a table.

        Args:
            table: The table, in the words of the engine.
            rows: The rows.
            types: The engine's type of each column.
        """

    @abstractmethod
    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of the driver's cursor as an Arrow table, with lower case names of columns."""

    @staticmethod
    @abstractmethod
    def spelled(identifier: str) -> str:
        """Return how the engine spells an identifier."""

    @staticmethod
    def rewritten(tree: exp.Expression) -> exp.Expression:
        """Return a statement with the forms of the engine that sqlglot does not write."""
        return tree

    def begin_rehearsal(self) -> None:
        """Write no rows from here on, but make all tables that the transaction needs."""
        self.is_rehearsal = True
        self._held.start()

    def end_rehearsal(self, missing: Collection[str]) -> None:
        """Make temporary tables that an earlier rehearsal did not make, and write again from here on."""
        for statement in missing:
            self.run(statement)
            self._prepared.add(statement)
        self.is_rehearsal = False
        self._held.start()
        self._drops.clear()

    def drop_tables(self) -> None:
        """Drop what was dropped in the transaction, which is committed: there its rows were only deleted."""
        self.is_open = False
        for statement in self._drops:
            self.run(statement)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement."""
        return Answer(self._execute(sql, parameters))

    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run an INSERT, UPDATE or DELETE, and return the number of rows that it wrote: 0 in a rehearsal."""
        return int(self._execute(sql, parameters).rowcount or 0)

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table."""
        cursor = self.run(self._translated(sql))
        return self.arrow_table(cursor, cursor.fetchall())

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables."""
        cursor = self.run(self._translated(sql))
        while rows := cursor.fetchmany(size):
            yield self.arrow_table(cursor, rows)

    def type_of(self, column: Column) -> str:
        """Return the engine's type of a declared column."""
        return self.sql_types[column.data_type].format(precision=column.precision, scale=column.scale)

    def append_rows(self, dataset: str, table: str, rows: pa.Table, json: Collection[str]) -> None:
        """Append rows to a table."""
        if rows.num_rows and not self.is_rehearsal:
            kinds = self.columns_of(dataset)[table]
            self.insert_rows(self._table(dataset, table), rows, kinds)

    @contextmanager
    def temporary_table(self, name: str, table: pa.Table, like: str | None = None) -> Iterator[None]:
        """Insert an Arrow table into a temporary table, unless the rehearsal has done so."""
        place = self._held.next_place(name)
        holder = self._held.holder(place, like, table)
        if holder is None:
            self._fill(name, table, self._types_of(table, like))
            self._held.hold(place, self._temporary[name], like, table)
        else:
            self._temporary[name] = holder
        yield
        del self._temporary[name]

    def _fill(self, name: str, table: pa.Table, types: Mapping[str, str]) -> None:
        """Make a temporary table with rows, whose columns have these types of the engine."""
        self.insert_rows(self.stage_rows(name, types), table, types)

    def note_layouts(self, layouts: Mapping[str, RowLayout]) -> None:
        """Note the layout of tables that this transaction may make."""
        self._layouts.update(layouts)

    def _layout(self, table: str, types: Mapping[str, str]) -> str:
        """Return how the rows of a new table are laid out, as SQL says it: by default, the engine decides."""
        return ""

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks. Another load may do the same at this moment."""
        name, stored = self._table(dataset, table), self.columns_of(dataset).get(table)
        if stored is None:
            layout = self._layout(table, types)
            self._change(f"create table if not exists {name} ({self._definitions(types, required)}){layout}")
            return
        for column in types.keys() - stored.keys():
            self._change(
                f"alter table {name} add column if not exists {self._definitions({column: types[column]})}"
            )

    def change_type(self, dataset: str, table: str, before: Column, after: Column) -> None:
        """Raise NotAtomic: a column with other values is no single statement."""
        raise self._not_changed(dataset, table, before)

    def rewrite_column(
        self,
        dataset: str,
        table: str,
        column: Column,
        expression: str,
        lookup: tuple[str, str] | None = None,
        without: str | None = None,
    ) -> None:
        """Raise NotAtomic: a column with other values is no single statement."""
        raise self._not_changed(dataset, table, column)

    def _not_changed(self, dataset: str, table: str, column: Column) -> NotAtomic:
        return NotAtomic(
            f"the stored values of {column.name} cannot be changed on this engine, because no transaction holds such a "
            f"change: run ecom-assets reset {dataset} {table}, and load the table again"
        )

    def stage_rows(self, name: str, columns: Mapping[str, str]) -> str:
        """Make an empty temporary table for the rows that a run read, and return its name for `insert_rows`."""
        return self._make(name, f"({self._definitions(columns)})")

    def _execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        if temporary := temporary_query_in(sql):
            name, query = temporary
            self._make_of_query(name, self._translated(query))
            return NoRows()
        dropped = dropped_temporary_in(sql)
        if dropped in self._temporary:
            del self._temporary[dropped]
            return NoRows()
        if is_analysis(sql):
            return NoRows()
        if drop := dropped_in(sql):
            return self._drop(sql, *drop)
        if renames_table(sql):
            raise NotAtomic(
                "a table is not renamed on this engine, because no transaction holds that together with the ledger: "
                "remove renamed_from, and load the table again under its new name"
            )
        if changes_structure(sql):
            return self._change(self._translated(sql))
        written = written_in(sql)
        if written and not written[1] and written[0] in self._temporary:
            self._held.forget(self._temporary[written[0]])
        elif written and self.is_rehearsal:
            return NoRows()
        return self.run(self._translated(sql), parameters)

    def _change(self, translated: str) -> Any:
        """Run a statement that changes a table, which commits it."""
        if self.is_open:
            raise NotPrepared(translated)
        self.forget_columns()
        return self.run(translated)

    def _drop(self, sql: str, kind: str, name: str) -> NoRows:
        """Delete the rows of a table in the transaction, and drop it, or a view, after the commit."""
        if not self.is_rehearsal:
            if kind == "table":
                self.run(self._translated(f"delete from {name}"))
            self._drops.append(self._translated(sql))
        return NoRows()

    def _make_of_query(self, name: str, query: str) -> None:
        """Make a temporary table of the answer of a query, which is in the words of the engine."""
        made = self._make(name, f"as {query}")
        if self.is_open:
            self.run(f"insert into {made} {query}")

    def _named(self, name: str, columns: str) -> str:
        """Return the engine's name of a temporary table. Statements are translated to it from here on."""
        named = f"{self._held.place_of(name)} {columns}"
        short = f"{TEMPORARY}{hashlib.sha256(named.encode()).hexdigest()[:16]}"
        self._temporary[name] = short
        return short

    def _make(self, name: str, columns: str) -> str:
        """Make a temporary table, or empty it if it was prepared, and return its name in the words of the engine.

        Args:
            name: The name that statements have for it.
            columns: The rest of the statement that makes it.
        """
        made = self._quoted(self._named(name, columns))
        statement = f"create or replace temporary table {made} {columns}"
        if not self.is_open:
            self.run(statement)
            self._prepared.add(statement)
        elif statement in self._prepared:
            self.run(f"delete from {made}")
        else:
            raise NotPrepared(statement)
        return made

    def _columns_from_engine(self, dataset: str) -> Sequence[Any]:
        return list(self.run(self.columns_query, [dataset]).fetchall())

    def _types_of(self, rows: pa.Table, like: str | None) -> dict[str, str]:
        """Return the engine's type of each column of Arrow rows, or of the same columns of a table or a query."""
        if like is None:
            return {entry.name: self._type_of_arrow(entry.type) for entry in rows.schema}
        found = self._types_of_query(self._translated(f"select * from {like} where false"))
        known = {name.lower(): kind for name, kind in found.items()}
        return {name: known[name.lower()] for name in rows.column_names}

    @abstractmethod
    def _types_of_query(self, query: str) -> Mapping[str, str]:
        """Return the engine's type of each column of the answer of a query, which is in the words of the engine."""

    def _type_of_arrow(self, kind: pa.DataType) -> str:
        if pa.types.is_decimal(kind):
            return self.sql_types["decimal"].format(precision=kind.precision, scale=kind.scale)
        return self.sql_types[types_by_arrow_type().get(kind, "text")]

    def _definitions(self, types: Mapping[str, str], required: Collection[str] = ()) -> str:
        """Return the columns of a new table, as SQL lists them."""
        return ", ".join(
            f"{self._quoted(column)} {kind}{' not null' if column in required else ''}"
            for column, kind in types.items()
        )

    def _table(self, dataset: str, table: str) -> str:
        """Return the name of a table in the words of the engine."""
        return f"{self._quoted(dataset)}.{self._quoted(table)}"

    def _quoted(self, identifier: str) -> str:
        """Return an identifier in the words of the engine."""
        return exp.to_identifier(self.spelled(identifier), quoted=True).sql(dialect=self.dialect)

    def _translated(self, sql: str) -> str:
        return translate(sql, self.dialect, self.spelled, self._temporary, self.rewritten)
