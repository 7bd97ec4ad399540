"""The rows that a load read, in tables of the service: they are sent once, before the load takes the lock.

DuckDB's temporary tables are on this machine, and each statement of a load would send their rows again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
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
        """Take an open connection, and the names of the database and the schema, which exists."""
        self._connection = connection
        self._database, self._schema = database, schema
        self._made: list[str] = []

    @property
    def qualified_schema(self) -> str:
        """The schema, as SQL names it wherever it runs."""
        return f'"{self._database}"."{self._schema}"'

    def make_table(self, query: str) -> str:
        """Store the answer of a query, and return the table, as SQL names it."""
        table = f"{self.qualified_schema}.ecom_staged_{time.time():.0f}_{uuid4().hex}"
        self._made.append(table)
        self._connection.execute(f"create table {table} as {query}")
        return table

    @contextmanager
    def dropped_at_the_end(self) -> Iterator[None]:
        """Drop the tables at the end of the block, and first those that killed loads left more than a day ago."""
        for table in self._left():
            self._drop(table)
        try:
            yield
        finally:
            for table in self._made:
                self._drop(table)

    def _left(self) -> list[str]:
        found = self._connection.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ?",
            [self._database, self._schema],
        ).fetchall()
        matches = [match for (name,) in found if (match := _NAME.fullmatch(name))]
        return [
            f"{self.qualified_schema}.{match[0]}" for match in matches if time.time() - int(match[1]) > _DAY
        ]

    def _drop(self, table: str) -> None:
        # another load may drop it, too, or the connection is lost: then a later load drops it
        with suppress(*DRIVER_ERRORS):
            self._connection.execute(f"drop table if exists {table}")
