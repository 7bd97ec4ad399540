"""A PostgreSQL database as the warehouse: one transaction a load, behind an advisory lock of its dataset.

What is loaded, and in which order, is `loading`'s; how dlt is made to keep to the one transaction is
`postgres_destination`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from dlt.common.destination import Destination

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.postgres.copy import quoted
from ecom_assets.warehouse.postgres.database import LONGEST_NAME, PostgresDatabase, lock
from ecom_assets.warehouse.postgres.destination import OneConnectionPostgres, Shared
from ecom_assets.warehouse.postgres.transaction import PostgresTransaction
from ecom_assets.warehouse.warehouse import DEFAULT_LOCK_TIMEOUT, Warehouse


class PostgresWarehouse(Warehouse):
    """A database that many read while one load at a time writes each dataset."""

    kind = "postgres"
    driver_errors = PostgresTransaction.driver_errors

    def __init__(self, address: str, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Name the database by its address, and how many seconds to wait for others.

        Nothing is opened yet. Raises WarehouseError for what is no address, without showing it.
        """
        self._database = PostgresDatabase(address)
        self.name = self._database.name
        self.lock_timeout = lock_timeout
        self._shared = Shared()

    @property
    def uri(self) -> str:
        """Return host and database."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for names that PostgreSQL would cut off, or keeps for itself."""
        if shop.name.startswith("pg_"):
            raise WarehouseError(f"{shop.name}: PostgreSQL keeps names that begin with pg_ for itself")
        names = [(shop.name, LONGEST_NAME - len("_staging"))]
        for resource in shop.resources:
            names.append((resource.name, LONGEST_NAME - len("ecom_moved_")))
            names += [(column.name, LONGEST_NAME) for column in resource.table_columns]
        for name, longest in names:
            if len(name) > longest:
                raise WarehouseError(
                    f"{shop.name}: {name} is longer than the {longest} characters of PostgreSQL"
                )

    def exists(self) -> bool:
        """Return True: a database is there before its first load, or connecting says why not."""
        return True

    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction` and `read`."""
        return OneConnectionPostgres(self._shared)

    @contextmanager
    def transaction(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> Iterator[PostgresTransaction]:
        """Hold the dataset's lock and do everything in one transaction: all of it is kept, or nothing.

        Others read what was there before until the end. Raises WarehouseError when the lock cannot be had in
        time, and when the connection is lost at the moment of the commit.
        """
        with self._connected() as connection:
            lock(connection, dataset, self, self.lock_timeout, on_progress)
            yield PostgresTransaction(connection)
            try:
                # without a commit, closing throws the transaction away
                connection.commit()
            except psycopg2.OperationalError as error:
                raise WarehouseError(
                    f"the connection to the warehouse {self} was lost at the moment of the commit: "
                    f"{self._database.said(error)}; its ledger says whether the load was kept, and running it "
                    "again does no harm"
                ) from None

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[PostgresTransaction]:
        """Read what is committed now, as if nobody loaded meanwhile; nobody is waited for."""
        with self._connected() as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(f"set search_path to {quoted(dataset)}, public")
            try:
                yield PostgresTransaction(connection)
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                said = self._database.said(error)
                raise WarehouseError(f"the warehouse {self} cannot be read: {said}") from None

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Hold an open connection, which is dlt's too."""
        with self._database.connected(self) as connection:
            self._shared.connection = connection
            try:
                yield connection
            finally:
                self._shared.connection = None
