"""A PostgreSQL database as the warehouse. A load is one transaction that holds an advisory lock of its dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg2

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import failed_commit_error, read_error
from ecom_assets.warehouse.layout import refuse_newer_layout
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.postgres.database import PostgresDatabase
from ecom_assets.warehouse.postgres.errors import CONNECTION_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.postgres.identifiers import (
    MAX_COLUMNS,
    MAX_IDENTIFIER_LENGTH,
    SYSTEM_COLUMNS,
    quote_identifier,
)
from ecom_assets.warehouse.postgres.lock import acquire_lock
from ecom_assets.warehouse.postgres.statements import commit
from ecom_assets.warehouse.postgres.transaction import PostgresTransaction
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse


class PostgresWarehouse(Warehouse):
    """A database that many read at any time. Each dataset has one load at a time."""

    kind = "postgres"
    max_identifier_length = MAX_IDENTIFIER_LENGTH
    driver_errors = DRIVER_ERRORS

    def __init__(self, address: str, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The database, as libpq reads it.
            lock_timeout: How many seconds to wait for another load of the same dataset.

        Raises:
            WarehouseError: The address cannot be read. The message does not show it.
        """
        self._database = PostgresDatabase(address)
        self.name = self._database.address.name
        self.lock_timeout = lock_timeout

    @property
    def uri(self) -> str:
        """Host and database."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a name that PostgreSQL would cut off or keeps for itself, or too many columns."""
        if shop.name.startswith("pg_"):
            raise WarehouseError(f"{shop.name}: PostgreSQL keeps names that begin with pg_ for itself")
        names = [(shop.name, MAX_IDENTIFIER_LENGTH)]
        for resource in shop.resources:
            # a load makes temporary tables with longer names
            names.append((resource.name, MAX_IDENTIFIER_LENGTH - len("ecom_moved_")))
            names += [(column.name, MAX_IDENTIFIER_LENGTH) for column in resource.table_columns]
            self.check_columns(shop, resource.name, [column.name for column in resource.table_columns])
        for name, longest in names:
            if len(name) > longest:
                raise WarehouseError(
                    f"{shop.name}: {name} is longer than the {longest} characters that PostgreSQL allows here"
                )

    def check_columns(
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError for names that PostgreSQL would cut off, and for more columns than it has room for."""
        where = f"{shop.name}.{table}"
        for name in (table, *columns):
            if len(name.encode()) > MAX_IDENTIFIER_LENGTH and not are_cut_off:
                raise WarehouseError(
                    f"{where}: the name {name} is longer than the {MAX_IDENTIFIER_LENGTH} bytes that PostgreSQL allows"
                )
            if name in SYSTEM_COLUMNS and name != table:
                raise WarehouseError(
                    f"{where}: each table of PostgreSQL has a column {name} of its own; declare the column with "
                    f"another name and path: {name}"
                )
        if len(columns) > MAX_COLUMNS:
            raise WarehouseError(
                f"{where}: {len(columns):,} columns are more than the {MAX_COLUMNS:,} that PostgreSQL allows; "
                "declare fewer, or a json column for an object with many fields"
            )

    def exists(self) -> bool:
        """Return True: a database exists before its first load. If it does not, connecting says so."""
        return True

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[PostgresTransaction]:
        """Lock the dataset and write it in one transaction. Others read the former state until the commit.

        See `Warehouse.transaction` for arguments and errors. WarehouseError is also raised if the server refuses the
        commit, or if the connection is lost during it.
        """
        with self._database.connect(self) as connection:
            transaction = PostgresTransaction(connection)
            if stage is not None:
                stage(transaction)
                commit(connection)
            acquire_lock(connection, dataset, self, self.lock_timeout, on_progress)
            refuse_newer_layout(transaction, dataset)
            yield transaction
            try:
                # if the block raises, there is no commit, and closing the connection rolls back
                commit(connection)
            except psycopg2.DatabaseError as error:
                text = self._database.error_text(error)
                raise failed_commit_error(self, text, is_refused=server_refused(error)) from None

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[PostgresTransaction]:
        """Read what is committed now, for the whole block, without waiting for a load.

        See `Warehouse.read` for arguments and errors.
        """
        with self._database.connect(self) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                cursor.execute(f"set search_path to {quote_identifier(dataset)}, public")
            try:
                transaction = PostgresTransaction(connection)
                refuse_newer_layout(transaction, dataset)
                yield transaction
            except CONNECTION_ERRORS as error:
                raise read_error(self, self._database.error_text(error)) from None
