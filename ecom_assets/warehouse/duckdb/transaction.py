"""The Transaction of a DuckDB file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.duckdb.errors import DRIVER_ERRORS
from ecom_assets.warehouse.duckdb.open_files import ALL_THREADS, SMALL
from ecom_assets.warehouse.transaction import COPY, UNION_COMMENT, Transaction


class DuckDbTransaction(Transaction):
    """A transaction on a DuckDB connection."""

    driver_errors = DRIVER_ERRORS
    tells_case_apart = False
    columns_query = (
        # information_schema would also read the columns of all that is built in
        "select table_name, column_index, column_name, data_type, is_nullable from duckdb_columns() where not internal "
        "and database_name = current_database() and schema_name = ?"
    )

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take an open connection, which the warehouse closes."""
        super().__init__()
        self.connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run a statement."""
        self._forget_if_changed(sql)
        return self.connection.execute(sql, list(parameters))

    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run an INSERT, UPDATE or DELETE, and return the number of rows, with which DuckDB answers."""
        return int(self.fetch_value(sql, parameters))

    def fetch_arrow(self, sql: str) -> pa.Table:
        """Run a query, and return its rows as an Arrow table."""
        return self.connection.execute(sql).to_arrow_table()

    def arrow_batches(self, sql: str, size: int) -> Iterator[pa.Table]:
        """Run a query, and yield its rows as Arrow tables."""
        for batch in self.connection.execute(sql).to_arrow_reader(size):
            yield pa.Table.from_batches([batch])

    def base_tables_of(self, dataset: str) -> Collection[str]:
        """Return the names of the tables of a dataset that are no views, which DuckDB tells faster in its own way."""
        sql = "select table_name from duckdb_tables() where database_name = current_database() and schema_name = ?"
        return {name for (name,) in self.execute(sql, [dataset]).fetchall()}

    def append_rows(self, dataset: str, table: str, rows: pa.Table, json: Collection[str]) -> None:
        """Append rows to a table. DuckDB casts texts to JSON when it inserts them."""
        names = ", ".join(f'"{name}"' for name in rows.column_names)
        with self.temporary_table("ecom_appended", rows):
            self.execute(f'insert into "{dataset}"."{table}" ({names}) select {names} from ecom_appended')

    def type_of(self, column: Column) -> str:
        """Return the DuckDB type of a declared column."""
        sql_type = COLUMN_TYPES[column.data_type].duckdb
        return sql_type.format(precision=column.precision, scale=column.scale)

    def text_of(self, column: Column) -> str:
        """Return the SQL expression of a column's values as texts."""
        name = f'"{column.name}"'
        if column.data_type == "decimal" and column.scale:
            return f"rtrim(rtrim(cast({name} as varchar), '0'), '.')"
        if column.data_type == "timestamp":
            return f"replace(strftime({name} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z')"
        return f"base64({name})" if column.data_type == "binary" else f"cast({name} as varchar)"

    def rewrite_column(
        self,
        dataset: str,
        table: str,
        column: Column,
        expression: str,
        lookup: tuple[str, str] | None = None,
        without: str | None = None,
    ) -> None:
        """Write the table anew: DuckDB cannot commit an update of a table together with a dropped column of it."""
        new = f"cast({expression} as {self.type_of(column)})"
        joined = f" left join {lookup[0]} on {lookup[1]}" if lookup else ""
        dropped = {column.name, without}
        kept = [entry for entry in self.columns_of(dataset)[table] if entry != without]
        columns = ", ".join(
            f'{new} as "{entry}"' if entry == column.name else f'rows."{entry}"' for entry in kept
        )
        self._write_anew(dataset, table, columns, joined, dropped)

    def drop_column(self, dataset: str, table: str, column: str) -> None:
        """Write the table anew without a column, for the same reason."""
        kept = [f'"{entry}"' for entry in self.columns_of(dataset)[table] if entry != column]
        self._write_anew(dataset, table, ", ".join(kept), "", {column})

    def _write_anew(
        self, dataset: str, table: str, columns: str, joined: str, nullable: Collection[str | None]
    ) -> None:
        """Replace a table by the result of a query over its `rows`. Of its columns, `nullable` lose their NOT NULL."""
        name, copy = f'"{dataset}"."{table}"', f'"{dataset}"."{COPY}"'
        required = self.execute(
            "select column_name from information_schema.columns where table_catalog = current_database() "
            "and table_schema = ? and table_name = ? and is_nullable = 'NO'",
            [dataset, table],
        ).fetchall()
        self.execute(f"create table {copy} as select {columns} from {name} as rows{joined}")
        self.execute(f"drop table {name}")
        self.execute(f'alter table {copy} rename to "{table}"')
        for (entry,) in required:
            if entry not in nullable:
                self.execute(f'alter table {name} alter column "{entry}" set not null')

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Read the files where they are: a view has their rows."""
        self._use_threads_for(sum(file.stat().st_size for file in files))
        self.execute(f"create temporary view {_name(name)} as {self.query_of_files(columns, files)}")

    @staticmethod
    def query_of_files(columns: Mapping[str, str], files: Sequence[Path]) -> str:
        """Return the query for the rows of files. Arguments are those of `stage_files`."""
        present = set().union(*(pq.read_schema(file).names for file in files))
        listed = ", ".join(
            f"cast({_name(column) if column in present else 'null'} as {kind}) as {_name(column)}"
            for column, kind in columns.items()
        )
        paths = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
        return f"select {listed} from read_parquet([{paths}], union_by_name = true)"

    def view_comment(self, dataset: str, name: str) -> str | None:
        """Return the comment of a view."""
        found = self.execute(
            "select comment from duckdb_views() where database_name = current_database() "
            "and schema_name = ? and view_name = ?",
            [dataset, name],
        ).fetchall()
        return found[0][0] if found else None

    def union_views(self) -> Mapping[tuple[str, str], str]:
        """Return the comment of each view that loads make, by its schema and name."""
        found = self.execute(
            "select schema_name, view_name, comment from duckdb_views() "
            "where database_name = current_database() and comment like ? order by 1, 2",
            [f"{UNION_COMMENT}%"],
        ).fetchall()
        return {(schema, name): comment for schema, name, comment in found}

    @contextmanager
    def temporary_table(self, name: str, table: pa.Table, like: str | None = None) -> Iterator[None]:
        """Make an Arrow table available to SQL. `like` is not needed, because DuckDB casts when it inserts."""
        self._use_threads_for(table.nbytes)
        self.connection.register(name, table)
        try:
            yield
        finally:
            self.connection.unregister(name)

    def _use_threads_for(self, size: int) -> None:
        """Use a thread for each core from now on if rows of `size` bytes are too many for one."""
        if size >= SMALL:
            self.connection.execute(ALL_THREADS)


def _name(column: str) -> str:
    """Return a name as SQL quotes it."""
    return '"' + column.replace('"', '""') + '"'
