"""A lake whose catalog is in PostgreSQL, so that many machines can load it. Each dataset has an advisory lock.

A load takes the lock after it has read the API. Loads of different datasets write at the same time, and commit one
after the other. DuckLake repeats a commit that conflicts with another one. The lock of the catalog makes sure that the
repetition cannot conflict again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb
from psycopg2.extensions import make_dsn

from ecom_assets.foundation.private_files import private_files
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.ducklake.attach import attach_lake, catalog_secret
from ecom_assets.warehouse.ducklake.configuration import Lake
from ecom_assets.warehouse.ducklake.errors import DRIVER_ERRORS, commit_error
from ecom_assets.warehouse.ducklake.lock import acquire_catalog_lock, acquire_dataset_lock
from ecom_assets.warehouse.ducklake.warehouse import DuckLakeWarehouse
from ecom_assets.warehouse.errors import read_error, unchanged_error
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.postgres.database import PostgresDatabase
from ecom_assets.warehouse.postgres.errors import CONNECTION_ERRORS, server_refused
from ecom_assets.warehouse.postgres.errors import DRIVER_ERRORS as POSTGRES_ERRORS
from ecom_assets.warehouse.postgres.identifiers import quote_identifier


class PostgresLakeWarehouse(DuckLakeWarehouse):
    """A lake that many read at any time. Each dataset has one load at a time."""

    def __init__(self, lake: Lake, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            lake: Where the catalog and the files are.
            lock_timeout: How many seconds to wait for another load of the same dataset.

        Raises:
            WarehouseError: The catalog's address cannot be read, or an extension of DuckDB is not installed.
        """
        self._database = PostgresDatabase(lake.address)
        super().__init__(lake, lock_timeout, self._database.address.secrets)
        self.name = f"ducklake:{self._database.address.name}#{lake.schema}"
        self._lock_connection: Any = None

    def exists(self) -> bool:
        """Return whether the catalog's tables exist. Raises WarehouseError if the database cannot be asked."""
        return self._last_snapshot() is not None

    def _last_snapshot(self) -> int | None:
        """Return the number of the last commit, or None if there is no catalog yet."""
        table = f"{quote_identifier(self.lake.schema)}.ducklake_snapshot"
        with self._database.connect(self) as connection, connection.cursor() as cursor:
            try:
                cursor.execute("select to_regclass(%s)", [table])
                if cursor.fetchone()[0] is None:
                    return None
                cursor.execute(f"select max(snapshot_id) from {table}")
                snapshot: int | None = cursor.fetchone()[0]
            except POSTGRES_ERRORS as error:
                raise read_error(self, self._database.error_text(error)) from None
        return snapshot

    @contextmanager
    def _locked_connection(
        self, dataset: str, on_progress: OnProgress, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection and, for writing, the dataset's lock on a connection of its own."""
        deadline = time.monotonic() + self.lock_timeout
        if read_only:
            with self._open_connection(on_progress, deadline, read_only=True) as connection:
                yield connection
            return
        with self._private_files(), self._database.connect(self) as lock_connection:
            # the first load creates the catalog's tables while no other one does
            acquire_catalog_lock(lock_connection, self.lake.schema, self, on_progress)
            with self._open_connection(on_progress, deadline, read_only=False) as connection:
                lock_connection.commit()
                acquire_dataset_lock(lock_connection, self.lake.schema, dataset, self, on_progress)
                self._lock_connection = lock_connection
                try:
                    yield connection
                finally:
                    self._lock_connection = None

    def _private_files(self) -> AbstractContextManager[None]:
        """Let new files and folders be as private as the folder of the lake; a new one is for its owner only."""
        return nullcontext() if self.lake.bucket else private_files(Path(self.lake.files))

    def _attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        """Attach the lake, for reading as it was after the last commit."""
        parameters = self._database.address.parameters
        public = {name: value for name, value in parameters.items() if name != "password"}
        connection.execute(catalog_secret(parameters.get("password")))
        snapshot = self._last_snapshot() if read_only else None
        attach_lake(connection, self.lake, f"postgres:{make_dsn(**public)}", snapshot=snapshot)

    def _commit(self, connection: duckdb.DuckDBPyConnection, on_progress: OnProgress) -> None:
        """Commit the transaction, unless the connection that holds the lock was lost."""
        try:
            acquire_catalog_lock(self._lock_connection, self.lake.schema, self, on_progress)
        except CONNECTION_ERRORS as error:
            text = self._database.error_text(error)
            lost = "" if server_refused(error) else "the connection that held its lock was lost: "
            raise unchanged_error(self, f"{lost}{text}") from None
        # when a commit fails, DuckLake removes the files that it wrote. If only the server's answer was lost, the
        # catalog has these files already. So DuckDB may not reach any file from here on
        connection.execute(f"set disabled_filesystems = '{'S3' if self.lake.bucket else 'Local'}FileSystem'")
        try:
            connection.execute("COMMIT")
        except DRIVER_ERRORS as error:
            raise commit_error(self, error) from None
