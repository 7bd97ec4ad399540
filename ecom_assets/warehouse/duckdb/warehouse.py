"""A DuckDB file as the warehouse: opened alone behind its lock, to load in one transaction or to read.

What is loaded, and in which order, is `loading`'s; the lock is `locking`'s, the copy for readers `publishing`'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.configuration import configspec
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration, DuckDbCredentials

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.duckdb.published_copy import not_published, publish
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.file_lock import file_lock, too_long
from ecom_assets.warehouse.warehouse import DEFAULT_LOCK_TIMEOUT, Warehouse

BESIDE = (".lock", ".holder", ".new", ".wal", ".tmp")
"""What this module, `locking` and DuckDB put beside the file, by the ends of their names."""


class _OneTransaction:
    """A DuckDB connection that hands out itself and leaves begin, commit and close to the warehouse.

    dlt opens a connection, and a transaction, for each step of a load. Given this one it does all of them in
    the transaction that the warehouse opened, so that a load of many tables is committed in one step.
    """

    def __init__(self) -> None:
        self.real: duckdb.DuckDBPyConnection | None = None

    def __getattr__(self, name: str) -> Any:
        if self.real is None:
            raise AttributeError(name)
        return getattr(self.real, name)

    def duplicate(self) -> _OneTransaction:
        return self

    cursor = begin = commit = duplicate

    def rollback(self) -> _OneTransaction:
        # dlt rolls back after a statement that failed; what was done before it must not be kept either
        return self

    def close(self) -> None:
        pass


@configspec(init=False)
class _Configuration(DuckDbClientConfiguration):
    """dlt's, which names the file without SQLAlchemy: importing that for it takes a fifth of a second."""

    def __str__(self) -> str:
        return f"duckdb:///{self.credentials.database}"


class DuckDbWarehouse(Warehouse):
    """A DuckDB file that one process at a time writes, the lock file beside it, and its copy for readers."""

    kind = "duckdb"
    driver_errors: tuple[type[Exception], ...] = DuckDbTransaction.driver_errors

    def __init__(
        self, path: Path, lock_timeout: float = DEFAULT_LOCK_TIMEOUT, copy: Path | None = None
    ) -> None:
        """Name the file, how many seconds to wait for it, and its copy, if any; nothing is opened yet."""
        self.path = path
        self.name = str(path)
        self.lock_timeout = lock_timeout
        self.copy = copy
        self._shared = _OneTransaction()

    @property
    def uri(self) -> str:
        """Return the file's address."""
        return self.path.as_uri()

    def exists(self) -> bool:
        """Return whether the file is there."""
        return self.path.exists()

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a dataset with the name of the file: DuckDB cannot tell the two apart."""
        if shop.name.lower() == self.path.stem.lower():
            raise WarehouseError(
                f"the warehouse {self.path} is called as the shop {shop.name} is, which DuckDB takes for one thing: "
                "name another file in ECOM_WAREHOUSE"
            )

    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction` and `read`."""
        credentials = DuckDbCredentials()
        credentials.database = str(self.path)
        # the attribute that dlt itself sets when it is given an open connection; its public door takes only a
        # real DuckDBPyConnection, which cannot be made to share one transaction
        credentials._external_conn = self._shared  # type: ignore[assignment]
        destination = dlt.destinations.duckdb(credentials=credentials)
        destination.spec = _Configuration
        return destination

    @contextmanager
    def transaction(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> Iterator[DuckDbTransaction]:
        """Hold the file alone and do everything in one transaction: all of it is kept, or nothing.

        Whatever the dataset, for a file has one writer. Then replace the copy for readers. Raises WarehouseError
        when the file cannot be had within the lock's timeout; NotPublished when everything is kept and only the
        copy could not be made.
        """
        with self._opened(dataset, on_progress, read_only=False) as connection:
            connection.execute("BEGIN TRANSACTION")
            yield DuckDbTransaction(connection)
            # without a commit, closing throws the transaction away
            self._commit(connection, on_progress)
            if self.copy:
                self._publish(connection, self.copy)

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[DuckDbTransaction]:
        """Open the file for reading, with `dataset` as the schema of unqualified names.

        Raises WarehouseError when there is no such file, it cannot be had in time, or turns out to be broken.
        """
        if not self.exists():
            raise WarehouseError(f"the warehouse {self} does not exist: materialise an asset first")
        with self._opened(dataset, on_progress, read_only=True) as connection:
            try:
                schemas = connection.execute(
                    "select schema_name from information_schema.schemata where catalog_name = current_database()"
                ).fetchall()
                if (dataset,) in schemas:
                    connection.execute(f'use "{dataset}"')
                yield DuckDbTransaction(connection)
            except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
                raise WarehouseError(f"the warehouse {self} cannot be read: {one_line(error)}") from None

    @contextmanager
    def _opened(
        self, dataset: str, on_progress: OnProgress, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the lock and an open connection."""
        deadline = time.monotonic() + self.lock_timeout
        with (
            file_lock(self.path, self.lock_timeout, on_progress),
            self._connected(on_progress, deadline, read_only=read_only) as connection,
        ):
            yield connection

    @contextmanager
    def _connected(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection, which is dlt's too."""
        connection = self._connect(on_progress, deadline, read_only=read_only)
        self._shared.real = connection
        try:
            yield connection
        finally:
            self._shared.real = None
            connection.close()

    def _connect(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> duckdb.DuckDBPyConnection:
        """Connect, waiting while a program that knows nothing of our lock has the file open."""
        told = False
        while True:
            try:
                return self._open(read_only=read_only)
            except (duckdb.Error, OSError) as error:
                holder = _other_program(error)
                if holder is None:
                    raise WarehouseError(
                        f"the warehouse {self} cannot be opened: {one_line(error)}"
                    ) from None
                if time.monotonic() >= deadline:
                    raise too_long(self, holder, self.lock_timeout) from None
                if not told:
                    on_progress(f"waiting for the warehouse {self}: held by {holder}")
                    told = True
                time.sleep(0.1)

    def _open(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Connect to the file, at once or not at all."""
        if not read_only and not self.path.exists():
            self._create()
        connection = duckdb.connect(self.path, read_only=read_only)
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def _commit(self, connection: duckdb.DuckDBPyConnection, on_progress: OnProgress) -> None:
        """Keep what the transaction did."""
        connection.execute("COMMIT")

    def _create(self) -> None:
        """Make an empty file beside, then put it in place: DuckDB cannot open one whose making was cut short."""
        path = self.path.resolve()  # a link is to stay one
        fresh = Path(f"{path}.new")
        for left in (fresh, Path(f"{self.path}.wal")):
            left.unlink(missing_ok=True)
        duckdb.connect(fresh).close()
        fresh.replace(path)

    def _publish(self, connection: duckdb.DuckDBPyConnection, copy: Path) -> None:
        """Put all that is committed into the file itself, close it, and copy it, still behind the lock."""
        try:
            connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise not_published(self.path, copy, one_line(error)) from None
        self._shared.real = None
        connection.close()
        publish(self.path, copy)


def _other_program(error: Exception) -> str | None:
    """Return who has the file open; None if that is not what the error says."""
    if "Could not set lock on file" not in str(error):
        return None
    holder = re.search(r"Conflicting lock is held in (.*?)\. ", f"{error} ")
    return holder[1] if holder else "another program"
