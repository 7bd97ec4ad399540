"""A database of MotherDuck as the warehouse: DuckDB's SQL, with the lock of a service in place of a lock file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.duckdb.open_files import OpenFile
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.errors import failed_commit_error, one_line, open_error, redacted_errors
from ecom_assets.warehouse.layout import refuse_newer_layout
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.motherduck.connection import open_database
from ecom_assets.warehouse.motherduck.errors import DRIVER_ERRORS, READ_ERRORS, is_conflict, open_problem
from ecom_assets.warehouse.motherduck.lock import LOCK_TABLES, dataset_lock, prepare_lock
from ecom_assets.warehouse.motherduck.staging import StagingArea
from ecom_assets.warehouse.motherduck.transaction import MotherDuckTransaction
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.transaction import Transaction

_RESERVED_NAMES = ("memory", "system", "temp", "md_information_schema")
"""The names of the databases that a connection has besides its own."""


class MotherDuckWarehouse(DuckDbWarehouse):
    """A database that many read at any time. Each dataset has one load at a time."""

    kind = "motherduck"
    limits_of_preview = "untested against the service"
    transaction_class = MotherDuckTransaction
    read_errors = READ_ERRORS
    connect = staticmethod(open_database)
    """Opens the connection. Tests replace it."""

    def __init__(self, address: ServerAddress, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The database and the token.
            lock_timeout: How many seconds to wait for another load of the same dataset.
        """
        self.address = address
        self.database: str = address.parameters["database"]
        super().__init__(Path(self.database), lock_timeout)
        self.name = address.name
        self._redactor = Redactor(address.secrets)

    @property
    def uri(self) -> str:
        """The database."""
        return self.name

    def exists(self) -> bool:
        """Return True: a database exists before its first load. If it does not, connecting says so."""
        return True

    def check_dataset(self, dataset: str, whose: str) -> None:
        """Raise WarehouseError if the dataset has the name of a database: DuckDB would confuse the two."""
        if dataset.lower() in (self.database.lower(), *_RESERVED_NAMES):
            raise WarehouseError(
                f"the warehouse {self} has a database with the same name as {whose}, and DuckDB cannot tell a database "
                f"from a schema of the same name. Databases there: {', '.join((self.database, *_RESERVED_NAMES))}"
            )

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[MotherDuckTransaction]:
        """Lock the dataset and write it in one transaction. Others read the former state until the commit.

        See `Warehouse.transaction` for arguments and errors. WarehouseError is also raised if the service refuses the
        commit, or if the connection is lost during it.
        """
        with self._locked_connection(dataset, on_progress, read_only=False) as connection:
            staging = StagingArea(connection, self.database, f"{dataset}_ecom")
            present, schema = staging.tables(), staging.qualified_schema
            if not LOCK_TABLES.keys() <= set(present):
                prepare_lock(connection, schema)
            staging.drop_left_tables(present)
            transaction = MotherDuckTransaction(connection, staging)
            with staging.dropped_at_the_end():
                if stage is not None:
                    stage(transaction)
                with dataset_lock(connection, schema, self, self.lock_timeout, on_progress):
                    transaction.forget_columns()
                    refuse_newer_layout(transaction, dataset)
                    yield transaction
                    self._commit(connection, on_progress)

    @contextmanager
    def _locked_connection(
        self, dataset: str, on_progress: OnProgress, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection. The lock is taken later: rows are staged before, and readers need none."""
        deadline = time.monotonic()
        with self._open_connection(on_progress, deadline, read_only=read_only) as connection:
            yield connection

    @contextmanager
    def _open_connection(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection. Errors and logs meanwhile have no token."""
        with (
            scrubbed_logging(self._redactor),
            redacted_errors(self._redactor),
            super()._open_connection(on_progress, deadline, read_only=read_only) as connection,
        ):
            yield connection

    def _open(self, *, read_only: bool) -> OpenFile:
        """Connect to the service."""
        try:
            connection = self.connect(self.address)
        except DRIVER_ERRORS as error:
            raise open_error(self, open_problem(error)) from None
        try:
            connection.execute("set TimeZone = 'UTC'")
        except BaseException:
            connection.close()
            raise
        return connection, connection.close

    def _commit(self, connection: duckdb.DuckDBPyConnection, on_progress: OnProgress) -> None:
        """Commit the transaction."""
        try:
            connection.execute("COMMIT")
        except DRIVER_ERRORS as error:
            raise failed_commit_error(self, one_line(error), is_refused=is_conflict(error)) from None
