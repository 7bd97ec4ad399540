"""The Transaction of a database of MotherDuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.motherduck.staging import StagingArea
from ecom_assets.warehouse.remote.translation import dropped_in


class MotherDuckTransaction(DuckDbTransaction):
    """A transaction on a DuckDB connection to the service. It runs the SQL of a DuckDB file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, staging: StagingArea | None = None) -> None:
        """Take an open connection, which the warehouse closes.

        Args:
            connection: The connection.
            staging: Where rows are staged; None for a reader.
        """
        super().__init__(connection)
        self._staging = staging

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run a statement. With the schema of the dataset goes the one beside it, with the lock."""
        answer = super().execute(sql, parameters)
        dropped = dropped_in(sql)
        if self._staging is not None and dropped and dropped[0] == "schema":
            super().execute(f"drop schema if exists {self._staging.qualified_schema} cascade")
        return answer

    def stage_files(self, name: str, columns: Mapping[str, str], files: Sequence[Path]) -> None:
        """Send the rows of the files to the service. A view has the name that SQL uses for them."""
        assert self._staging is not None
        table = self._staging.make_table(self.query_of_files(columns, files))
        self.execute(f'create temporary view "{name}" as select * from {table}')

    def _use_threads_for(self, size: int) -> None:
        """Do nothing: the threads of this machine have little to do."""
