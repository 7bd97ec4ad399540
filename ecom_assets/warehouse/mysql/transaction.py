"""The Transaction of a MariaDB server."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.mysql.errors import DRIVER_ERRORS
from ecom_assets.warehouse.mysql.indexes import (
    INDEXES_QUERY,
    create_statement,
    keys_within,
    listed_columns,
    missing_keys,
)
from ecom_assets.warehouse.mysql.rewriting import rewritten
from ecom_assets.warehouse.mysql.staging import insert_statements
from ecom_assets.warehouse.mysql.types import COLLATION, COLUMNS_QUERY, SQL_TYPES, arrow_table
from ecom_assets.warehouse.remote.transaction import RemoteTransaction

_log = logging.getLogger(__name__)
_BATCH_ROWS = 10_000
_COLUMNS_OF_QUERY = "`ecom_temp_columns`"


class MysqlTransaction(RemoteTransaction):
    """A transaction on a connection of PyMySQL. Only statements on temporary tables are a part of it."""

    driver_errors = DRIVER_ERRORS
    dialect = "mysql"
    sql_types = SQL_TYPES
    columns_query = COLUMNS_QUERY
    tells_case_apart = True

    def __init__(self, connection: Any) -> None:
        """Take PyMySQL's open connection, whose database is the dataset."""
        super().__init__(connection)
        self._keys: Sequence[Sequence[str]] | None = None

    @staticmethod
    def spelled(identifier: str) -> str:
        """Return the identifier as it is."""
        return identifier

    @staticmethod
    def rewritten(tree: exp.Expression) -> exp.Expression:
        """Return a statement with the forms of MariaDB."""
        return rewritten(tree)

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement in MariaDB's words."""
        cursor = self.connection.cursor()
        if parameters:
            cursor.execute(sql.replace("%", "%%").replace("?", "%s"), list(parameters))
        else:
            cursor.execute(sql)
        return cursor

    def base_tables_of(self, dataset: str) -> set[str]:
        """Return the names of the tables of a dataset that are no views."""
        found = self.run(
            "select table_name from information_schema.tables where table_schema = ? and table_type = 'BASE TABLE'",
            [dataset],
        ).fetchall()
        return {name for (name,) in found}

    def server_time(self) -> datetime | None:
        """Return the instant by the clock of the server."""
        at: datetime = self.run("select utc_timestamp(6)").fetchall()[0][0]
        return at

    def create_schema(self, dataset: str) -> None:
        """Do nothing: the warehouse makes the database before a load."""

    def make_table(
        self, dataset: str, table: str, types: Mapping[str, str], required: Collection[str]
    ) -> None:
        """Create a table, or the columns that it lacks. Another load may do the same at this moment."""
        known = {
            name: SQL_TYPES["text"] if kind in ("varchar", "text") else kind for name, kind in types.items()
        }
        super().make_table(dataset, table, known, required)

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        name = f'"{column.name}"'
        if column.data_type == "bool":
            return f"case when {name} then 'true' when not {name} then 'false' end"
        if column.data_type == "decimal" and column.scale:
            return f"trim(trailing '.' from trim(trailing '0' from cast({name} as varchar)))"
        if column.data_type == "timestamp":
            return f"replace(date_format({name}, '%Y-%m-%dT%H:%i:%s.%fZ'), '.000000Z', 'Z')"
        if column.data_type == "binary":
            return f"cast(replace(to_base64({name}), char(10), '') as varchar)"
        return f"cast({name} as varchar)"

    def arrow_table(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Return rows of the driver's cursor as an Arrow table."""
        return arrow_table(cursor._result.fields, rows)

    def insert_rows(self, table: str, rows: pa.Table, types: Mapping[str, str]) -> None:
        """Insert rows into a table."""
        for sql in insert_statements(table, rows, self._quoted, self._literal):
            self.run(sql)

    def _literal(self, value: Any) -> str:
        text: str = self.connection.cursor().mogrify("%s", [value])
        return text

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Insert the rows of the files into a temporary table."""
        made = self.stage_rows(name, columns)
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS):
                self.insert_rows(made, pa.Table.from_batches([batch]), columns)

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return None: views have no comments on MariaDB."""
        return None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return nothing: loads make no views here."""
        return {}

    def replace_view(self, dataset: str, name: str, query: str, comment: str) -> None:
        """Raise WarehouseError: a view has no comment here, by which a load would know it again."""
        raise WarehouseError(
            f"{dataset}.{name}: views over several shops are not made on MariaDB, where a view has no comment by "
            "which a load knows it again; make the view yourself, or load into another warehouse"
        )

    def create_indexes(self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Create the missing indexes, before the transaction. If somebody is in the way, the next load makes them."""
        if self.is_open:
            return
        there = self._indexes()
        for table in keys.keys() & self.columns_of(dataset).keys():
            types, name = self.columns_of(dataset)[table], self._table(dataset, table)
            for columns in missing_keys(keys[table], there.get(table, ())):
                listed = listed_columns(columns, types, self._quoted)
                try:
                    self.run(create_statement(name, columns, listed, self._quoted))
                except DRIVER_ERRORS as error:
                    _log.info("%s has no index on %s: %s", name, ", ".join(columns), one_line(error))
        self._keys = None

    def stage_rows(self, name: str, columns: Mapping[str, str]) -> str:
        """Make an empty temporary table, with indexes on the keys of the dataset."""
        listed = ", ".join([self._definitions(columns), *self._indexes_for(columns)])
        return self._make(name, f"({listed}) collate {COLLATION}")

    def _indexes(self) -> Mapping[str, Sequence[Sequence[str]]]:
        """Return the columns of the indexes of each table."""
        found: dict[str, dict[str, list[str]]] = {}
        for table, index, _, column in sorted(self.run(INDEXES_QUERY).fetchall()):
            found.setdefault(table, {}).setdefault(index, []).append(column)
        return {table: list(indexes.values()) for table, indexes in found.items()}

    def _indexes_for(self, types: Mapping[str, str]) -> list[str]:
        """Return the definitions of the indexes of a temporary table with columns of these types."""
        if self._keys is None:
            self._keys = [tuple(key) for indexes in self._indexes().values() for key in indexes]
        keys = keys_within(self._keys, types)
        return [f"index {listed_columns(key, types, self._quoted)}" for key in keys]

    def _make(self, name: str, columns: str) -> str:
        """Make a temporary table, which commits nothing here."""
        made = self._quoted(self._named(name, columns))
        self.run(f"create or replace temporary table {made} {columns}")
        return made

    def _make_of_query(self, name: str, query: str) -> None:
        """Make a temporary table of the answer of a query, with indexes on the keys of the dataset."""
        indexes = self._indexes_for(
            self._types_of_query(f"select * from ({query}) as ecom_query where false")
        )
        self._make(name, f"({', '.join(indexes)}) as {query}" if indexes else f"as {query}")

    def _types_of_query(self, query: str) -> Mapping[str, str]:
        """Return MariaDB's type of each column of the answer of a query, by a temporary table that has its columns."""
        self.run(f"create or replace temporary table {_COLUMNS_OF_QUERY} as {query}")
        found = self.run(f"show full columns from {_COLUMNS_OF_QUERY}").fetchall()
        self.run(f"drop temporary table {_COLUMNS_OF_QUERY}")
        return {
            name: kind if collation is None else f"{kind} collate {collation}"
            for name, kind, collation, *_ in found
        }
