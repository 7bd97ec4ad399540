"""A DuckDB file as the warehouse. One process at a time has it open, to load in one transaction or to read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.interruption import held_interruptions
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.duckdb.errors import (
    BROKEN_FILE_ERRORS,
    DRIVER_ERRORS,
    OPEN_ERRORS,
    holder_of_file,
)
from ecom_assets.warehouse.duckdb.lock import file_lock
from ecom_assets.warehouse.duckdb.open_files import OpenFile, open_file
from ecom_assets.warehouse.duckdb.published_copy import not_published, publish_copy
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.errors import lock_timeout_error, one_line, open_error, read_error
from ecom_assets.warehouse.layout import refuse_newer_layout
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT, waiting_line
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse


class DuckDbWarehouse(Warehouse):
    """A DuckDB file, with the lock file beside it and, if wanted, a copy for readers."""

    kind = "duckdb"
    max_identifier_length = 65536
    driver_errors = DRIVER_ERRORS
    transaction_class: type[DuckDbTransaction] = DuckDbTransaction
    read_errors = BROKEN_FILE_ERRORS
    """What a reader gets if the warehouse itself cannot be read."""

    def __init__(
        self, path: Path, lock_timeout: float = DEFAULT_LOCK_TIMEOUT, copy: Path | None = None
    ) -> None:
        """Describe the warehouse, without opening it.

        Args:
            path: The DuckDB file. The first load creates it.
            lock_timeout: How many seconds to wait for another process that has the file.
            copy: The copy for readers, which each load replaces.
        """
        self.path = path
        self.name = str(path)
        self.lock_timeout = lock_timeout
        self.copy = copy

    @property
    def uri(self) -> str:
        """The file's URI."""
        return self.path.as_uri()

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self.path.exists()

    def is_same(self, other: Warehouse) -> bool:
        """Return whether another warehouse is the same one. A link leads to the same file."""
        if type(other) is type(self) is DuckDbWarehouse and isinstance(other, DuckDbWarehouse):
            return self.path.resolve() == other.path.resolve()
        return super().is_same(other)

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError if the file has the shop's name: DuckDB would confuse the database and the schema."""
        self.check_dataset(shop.name, f"the shop {shop.name}")

    def check_dataset(self, dataset: str, whose: str) -> None:
        """Raise WarehouseError if the file has the dataset's name."""
        if dataset.lower() == self.path.stem.lower():
            raise WarehouseError(
                f"the warehouse {self.path} has the same name as {whose}, and DuckDB cannot tell a "
                "database from a schema of the same name: name another file in ECOM_WAREHOUSE"
            )

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[DuckDbTransaction]:
        """Lock the whole file, because a DuckDB file has one writer, and write in one transaction.

        After the commit, replace the copy for readers. See `Warehouse.transaction` for arguments and errors.
        """
        with self._locked_connection(dataset, on_progress, read_only=False) as connection:
            connection.execute("BEGIN TRANSACTION")
            transaction = self.transaction_class(connection)
            refuse_newer_layout(transaction, dataset)
            if stage is not None:
                stage(transaction)
            yield transaction
            # if the block raises, there is no commit, and closing the connection rolls back
            self._commit(connection, on_progress)
            if self.copy:
                self._complete_file(connection, self.copy)

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[DuckDbTransaction]:
        """Open the file for reading. See `Warehouse.read` for arguments and errors."""
        if not self.exists():
            raise WarehouseError(f"the warehouse {self} does not exist: materialise an asset first")
        with self._locked_connection(dataset, on_progress, read_only=True) as connection:
            try:
                schemas = connection.execute(
                    "select schema_name from information_schema.schemata where catalog_name = current_database()"
                ).fetchall()
                if (dataset,) in schemas:
                    connection.execute(f'use "{dataset}"')
                transaction = self.transaction_class(connection)
                refuse_newer_layout(transaction, dataset)
                yield transaction
            except self.read_errors as error:
                raise read_error(self, one_line(error)) from None

    @contextmanager
    def _locked_connection(
        self, dataset: str, on_progress: OnProgress, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the lock and an open connection. If the block that writes succeeds, replace the copy for readers."""
        deadline = time.monotonic() + self.lock_timeout
        with file_lock(self.path, self.lock_timeout, on_progress):
            with self._open_connection(on_progress, deadline, read_only=read_only) as connection:
                yield connection
            if self.copy and not read_only:
                publish_copy(self.path, self.copy)

    @contextmanager
    def _open_connection(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection."""
        opened: list[OpenFile] = []
        try:
            self._connect(opened, on_progress, deadline, read_only=read_only)
            yield opened[0][0]
        finally:
            with held_interruptions():
                for _, close in opened:
                    close()

    def _connect(
        self,
        opened: list[OpenFile],
        on_progress: OnProgress,
        deadline: float,
        *,
        read_only: bool,
    ) -> None:
        """Open the file, and add the connection to `opened`, whence a signal that comes meanwhile does not lose it.

        Wait while a program that does not know our lock file has it open.
        """
        line_sent = False
        while True:
            try:
                with held_interruptions():
                    opened.append(self._open(read_only=read_only))
                return
            except OPEN_ERRORS as error:
                holder = holder_of_file(error)
                if holder is None:
                    raise open_error(self, one_line(error)) from None
                if time.monotonic() >= deadline:
                    raise lock_timeout_error(self, holder, self.lock_timeout) from None
                if not line_sent:
                    on_progress(waiting_line(self, holder))
                    line_sent = True
                time.sleep(0.1)

    def _open(self, *, read_only: bool) -> OpenFile:
        """Open the file without waiting."""
        if not read_only and not self.path.exists():
            self._create_file()
        opened = open_file(self.path, read_only=read_only)
        opened[0].execute("set TimeZone = 'UTC'")
        return opened

    def _commit(self, connection: duckdb.DuckDBPyConnection, on_progress: OnProgress) -> None:
        """Commit the transaction."""
        connection.execute("COMMIT")

    def _create_file(self) -> None:
        """Create an empty file under another name, then rename it: DuckDB cannot open a file that is half created."""
        path = self.path.resolve()  # if the path is a link, it stays one
        fresh = Path(f"{path}.new")
        for left in (fresh, Path(f"{self.path}.wal")):
            left.unlink(missing_ok=True)
        _, close = open_file(fresh, read_only=False)
        close()
        fresh.replace(path)

    def _complete_file(self, connection: duckdb.DuckDBPyConnection, copy: Path) -> None:
        """Write everything that is committed into the file itself, of which `copy` is to be made."""
        try:
            connection.execute("CHECKPOINT")
        except DRIVER_ERRORS as error:
            raise not_published(self.path, copy, one_line(error)) from None
