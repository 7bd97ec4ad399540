"""The rows that a load read, in tables of the service: they are sent once, before the load takes the lock.

DuckDB's temporary tables are on this machine, and each statement of a load would send their rows again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import duckdb

from ecom_assets.warehouse.motherduck.errors import DRIVER_ERRORS

_DAY = 24 * 60 * 60
"""Seconds. No load that runs keeps its rows for longer."""
_NAME = re.compile(r"ecom_staged_(\d+)_\w+")


class StagingArea:
    """The tables of one load in a schema beside the dataset."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> None:
        """Take an open connection, and the names of the database and the schema, which may not exist yet."""
        self._connection = connection
        self._database, self._schema = database, schema
        self._made: list[str] = []

    @property
    def qualified_schema(self) -> str:
        """The schema, as SQL names it wherever it runs."""
        return f'"{self._database}"."{self._schema}"'

    def tables(self) -> list[str]:
        """Return the names of the tables of the schema."""
        found = self._connection.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ?",
            [self._database, self._schema],
        ).fetchall()
        return [name for (name,) in found]

    def make_table(self, query: str) -> str:
        """Store the answer of a query, and return the table, as SQL names it."""
        table = f"{self.qualified_schema}.ecom_staged_{time.time():.0f}_{uuid4().hex}"
        self._made.append(table)
        self._connection.execute(f"create table {table} as {query}")
        return table

    @contextmanager
    def dropped_at_the_end(self) -> Iterator[None]:
        """Drop the tables of this load at the end of the block."""
        try:
            yield
        finally:
            for table in self._made:
                self._drop(table)

    def drop_left_tables(self, tables: Iterable[str]) -> None:
        """Drop those of the tables that killed loads left more than a day ago."""
        for name in tables:
            if (match := _NAME.fullmatch(name)) and time.time() - int(match[1]) > _DAY:
                self._drop(f"{self.qualified_schema}.{name}")

    def _drop(self, table: str) -> None:
        # another load may drop it, too, or the connection is lost: then a later load drops it
        with suppress(*DRIVER_ERRORS):
            self._connection.execute(f"drop table if exists {table}")
