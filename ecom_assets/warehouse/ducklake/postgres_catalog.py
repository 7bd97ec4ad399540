"""A lake whose catalog is in PostgreSQL, so that many machines load it: each dataset behind an advisory lock.

Reading an API happens before. Loads of different datasets write at the same time, and commit one after the other:
DuckLake tries again what others' commits were in the way of, which then cannot happen to it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import psycopg2
from psycopg2.extensions import make_dsn

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.ducklake.attach import attach, catalog_secret
from ecom_assets.warehouse.ducklake.configuration import Lake
from ecom_assets.warehouse.ducklake.warehouse import DuckLakeWarehouse
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.postgres.copy import quoted
from ecom_assets.warehouse.postgres.database import PostgresDatabase, lock
from ecom_assets.warehouse.warehouse import DEFAULT_LOCK_TIMEOUT

_MOMENT = 1.0
"""Seconds of waiting for the lake itself that nobody is told of: it is held to make a catalog, and to commit."""


class PostgresLakeWarehouse(DuckLakeWarehouse):
    """A lake that many read while one load at a time writes each dataset."""

    driver_errors = (*DuckLakeWarehouse.driver_errors, psycopg2.Error)

    def __init__(self, lake: Lake, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Take the lake and the seconds to wait for others; nothing is opened yet.

        Raises WarehouseError for an address that cannot be read, and an extension of DuckDB's that is not installed.
        """
        self._database = PostgresDatabase(lake.address)
        super().__init__(lake, lock_timeout, self._database.secrets)
        self.name = f"ducklake:{self._database.name}#{lake.schema}"
        self._guard: Any = None

    def exists(self) -> bool:
        """Return whether the catalog's tables are there. Raises WarehouseError where that cannot be asked."""
        return self._newest() is not None

    def _newest(self) -> int | None:
        """Return the number of the last commit; None where there is no catalog yet."""
        table = f"{quoted(self.lake.schema)}.ducklake_snapshot"
        with self._database.connected(self) as connection, connection.cursor() as cursor:
            try:
                cursor.execute("select to_regclass(%s)", [table])
                if cursor.fetchone()[0] is None:
                    return None
                cursor.execute(f"select max(snapshot_id) from {table}")
                newest: int | None = cursor.fetchone()[0]
            except psycopg2.Error as error:
                raise WarehouseError(
                    f"the warehouse {self} cannot be read: {self._database.said(error)}"
                ) from None
        return newest

    @contextmanager
    def _opened(
        self, dataset: str, on_progress: OnProgress, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection, and, to write, the lock of the dataset, on a connection of its own."""
        deadline = time.monotonic() + self.lock_timeout
        if read_only:
            with self._connected(on_progress, deadline, read_only=True) as connection:
                yield connection
            return
        with self._database.connected(self) as guard:
            # the first one makes the catalog's tables, alone
            self._lock(guard, None, on_progress)
            with self._connected(on_progress, deadline, read_only=False) as connection:
                guard.commit()
                self._lock(guard, dataset, on_progress)
                self._guard = guard
                try:
                    yield connection
                finally:
                    self._guard = None

    def _attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        parts = {name: value for name, value in self._database.parts.items() if name != "password"}
        connection.execute(catalog_secret(self._database.parts.get("password")))
        snapshot = self._newest() if read_only else None
        attach(connection, self.lake, f"postgres:{make_dsn(**parts)}", snapshot=snapshot)

    def _commit(self, connection: duckdb.DuckDBPyConnection, on_progress: OnProgress) -> None:
        """Keep what the transaction did, unless the lock was lost."""
        try:
            self._lock(self._guard, None, on_progress)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise WarehouseError(
                f"the warehouse {self} was left as it was: the connection that held its lock was lost: "
                f"{self._database.said(error)}"
            ) from None
        # when a commit fails, DuckLake removes the files that it wrote, though the catalog may name them by now,
        # and only the server's answer was lost: so it is not to reach them any more
        connection.execute(f"set disabled_filesystems = '{'S3' if self.lake.bucket else 'Local'}FileSystem'")
        try:
            connection.execute("COMMIT")
        except duckdb.Error as error:
            said = one_line(error)
            if "disabled by configuration" in said:
                said = "its catalog cannot be reached, or another program changed the same tables"
            raise WarehouseError(
                f"the warehouse {self} failed at the moment of the commit: {said}; its ledger says "
                "whether the load was kept, and running it again does no harm"
            ) from None

    def _lock(self, guard: Any, dataset: str | None, on_progress: OnProgress) -> None:
        """Take the lock of a dataset, or, with None, that of the lake itself, until the guard's transaction ends."""
        what = f"lake {quoted(self.lake.schema)}" + (f" {dataset}" if dataset is not None else "")
        if dataset is None and self.lock_timeout > _MOMENT:
            with suppress(WarehouseError):
                lock(guard, what, self, _MOMENT, lambda _: None)
                return
        lock(guard, what, self, self.lock_timeout, on_progress)
