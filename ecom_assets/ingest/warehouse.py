"""The warehouse: opening a DuckDB file alone behind its lock, to load in one transaction or to read.

What is loaded, and in which order, is `loading`'s.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from filelock import FileLock, Timeout

from ecom_assets.ingest.errors import WarehouseError

DEFAULT_PATH = "data/warehouse.duckdb"
DEFAULT_LOCK_TIMEOUT = 300.0
"""Seconds to wait for a warehouse that somebody else holds."""

Say = Callable[[str], None]


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


class Warehouse:
    """A DuckDB file that one process at a time writes, and the lock file beside it."""

    def __init__(self, path: Path, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Name the file, and how many seconds to wait for it; nothing is opened yet."""
        self.path = path
        self.lock_timeout = lock_timeout
        self._shared = _OneTransaction()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Warehouse:
        """Return the warehouse that ECOM_WAREHOUSE names, with the patience of ECOM_LOCK_TIMEOUT (seconds).

        Raises WarehouseError for a value that cannot be used.
        """
        text = environ.get("ECOM_LOCK_TIMEOUT") or str(DEFAULT_LOCK_TIMEOUT)
        try:
            patience = float(text)
        except ValueError:
            patience = -1.0
        if not 0 <= patience < float("inf"):
            raise WarehouseError(
                f"ECOM_LOCK_TIMEOUT: found {text!r}; allowed: a number of seconds, 0 or more"
            )
        where = environ.get("ECOM_WAREHOUSE") or DEFAULT_PATH
        # of an address only its beginning is shown, for a password may follow
        other = re.match(r"(:memory:)|([A-Za-z][\w+.-]+):", where)
        if other:
            raise WarehouseError(
                f"ECOM_WAREHOUSE: found {other[1] or other[2]!r}; allowed: the path of a DuckDB file"
            )
        return cls(Path(where).absolute(), patience)

    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction`."""
        credentials = DuckDbCredentials()
        credentials.database = str(self.path)
        # the attribute that dlt itself sets when it is given an open connection; its public door takes only a
        # real DuckDBPyConnection, which cannot be made to share one transaction
        credentials._external_conn = self._shared  # type: ignore[assignment]
        return dlt.destinations.duckdb(credentials=credentials)

    @contextmanager
    def transaction(self, say: Say = lambda _: None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the file alone and do everything in one transaction: all of it is kept, or nothing.

        Raises WarehouseError when the file cannot be had within the lock's timeout.
        """
        with self._held(say), self._connection(say, read_only=False) as connection:
            self._shared.real = connection
            try:
                connection.execute("BEGIN TRANSACTION")
                yield connection
                connection.execute("COMMIT")
            finally:
                # without a commit, closing throws the transaction away
                self._shared.real = None

    @contextmanager
    def read(self, dataset: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for reading, with `dataset` as the schema of unqualified names.

        Raises WarehouseError when there is no such file or it cannot be had in time.
        """
        if not self.path.exists():
            raise WarehouseError(f"the warehouse {self.path} does not exist: materialise an asset first")
        with self._held(lambda _: None), self._connection(lambda _: None, read_only=True) as connection:
            schemas = connection.execute("select schema_name from information_schema.schemata").fetchall()
            if (dataset,) in schemas:
                connection.execute(f'use "{dataset}"')
            yield connection

    @contextmanager
    def _held(self, say: Say) -> Iterator[None]:
        """Hold the lock file, which orders the processes of this project among themselves."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                say(f"waiting for the warehouse {self.path}: another load holds it")
                lock.acquire(timeout=self.lock_timeout)
        except Timeout:
            raise WarehouseError(
                f"the warehouse {self.path} was held by another load for {self.lock_timeout:g} s (ECOM_LOCK_TIMEOUT)"
            ) from None
        except OSError as error:
            where = error.filename or self.path
            raise WarehouseError(
                f"the warehouse {self.path} cannot be locked: {error.strerror} ({where})"
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _connection(self, say: Say, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect, waiting while a program that knows nothing of our lock has the file open."""
        deadline = time.monotonic() + self.lock_timeout
        told = False
        while True:
            try:
                connection = duckdb.connect(self.path, read_only=read_only)
                connection.execute("set TimeZone = 'UTC'")
                break
            except duckdb.Error as error:
                holder = re.search(r"Conflicting lock is held in (.*?)\. ", f"{error} ")
                if holder is None:
                    raise WarehouseError(f"the warehouse {self.path} cannot be opened: {error}") from None
                if time.monotonic() >= deadline:
                    raise WarehouseError(
                        f"the warehouse {self.path} was held by {holder[1]} "
                        f"for {self.lock_timeout:g} s (ECOM_LOCK_TIMEOUT)"
                    ) from None
                if not told:
                    say(f"waiting for the warehouse {self.path}: held by {holder[1]}")
                    told = True
                time.sleep(0.1)
        try:
            yield connection
        finally:
            connection.close()
