"""The warehouse: opening a DuckDB file alone behind its lock, to load in one transaction or to read.

What is loaded, and in which order, is `loading`'s; the lock is `locking`'s, the copy for readers `publishing`'s.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common.configuration import configspec
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration, DuckDbCredentials

from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.locking import Say, held, too_long
from ecom_assets.ingest.publishing import not_published, publish

DEFAULT_PATH = "data/warehouse.duckdb"
DEFAULT_LOCK_TIMEOUT = 300.0
"""Seconds to wait for a warehouse that somebody else holds."""


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


class Warehouse:
    """A DuckDB file that one process at a time writes, the lock file beside it, and its copy for readers."""

    def __init__(
        self, path: Path, lock_timeout: float = DEFAULT_LOCK_TIMEOUT, copy: Path | None = None
    ) -> None:
        """Name the file, how many seconds to wait for it, and its copy, if any; nothing is opened yet."""
        self.path = path
        self.lock_timeout = lock_timeout
        self.copy = copy
        self._shared = _OneTransaction()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Warehouse:
        """Return the warehouse that ECOM_WAREHOUSE names.

        ECOM_LOCK_TIMEOUT are the seconds to wait for it, ECOM_PUBLISH is the path of its copy for readers.
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
        path = _file("ECOM_WAREHOUSE", environ.get("ECOM_WAREHOUSE") or DEFAULT_PATH)
        copy = _file("ECOM_PUBLISH", environ["ECOM_PUBLISH"]) if environ.get("ECOM_PUBLISH") else None
        if copy and copy.resolve() in {Path(f"{path.resolve()}{end}") for end in ("", *_BESIDE)}:
            raise WarehouseError(
                f"ECOM_PUBLISH: found {str(copy)!r}; allowed: a file that is not the warehouse {path}, or part of it"
            )
        return cls(path, patience, copy)

    def check_dataset(self, name: str) -> None:
        """Raise WarehouseError for a dataset with the name of the file: DuckDB cannot tell the two apart."""
        if name.lower() == self.path.stem.lower():
            raise WarehouseError(
                f"the warehouse {self.path} is called as the shop {name} is, which DuckDB takes for one thing: "
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
    def transaction(self, say: Say = lambda _: None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the file alone and do everything in one transaction: all of it is kept, or nothing.

        Then replace the copy for readers. Raises WarehouseError when the file cannot be had within the lock's
        timeout; NotPublished when everything is kept and only the copy could not be made.
        """
        with self._opened(say, read_only=False) as connection:
            connection.execute("BEGIN TRANSACTION")
            yield connection
            # without a commit, closing throws the transaction away
            connection.execute("COMMIT")
            if self.copy:
                self._publish(connection, self.copy)

    @contextmanager
    def read(self, dataset: str, say: Say = lambda _: None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for reading, with `dataset` as the schema of unqualified names.

        Raises WarehouseError when there is no such file, it cannot be had in time, or turns out to be broken.
        """
        if not self.path.exists():
            raise WarehouseError(f"the warehouse {self.path} does not exist: materialise an asset first")
        with self._opened(say, read_only=True) as connection:
            try:
                schemas = connection.execute("select schema_name from information_schema.schemata").fetchall()
                if (dataset,) in schemas:
                    connection.execute(f'use "{dataset}"')
                yield connection
            except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
                raise WarehouseError(f"the warehouse {self.path} cannot be read: {one_line(error)}") from None

    @contextmanager
    def _opened(self, say: Say, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the lock and an open connection, which is dlt's too."""
        deadline = time.monotonic() + self.lock_timeout
        with held(self.path, self.lock_timeout, say):
            connection = self._connect(say, deadline, read_only=read_only)
            self._shared.real = connection
            try:
                yield connection
            finally:
                self._shared.real = None
                connection.close()

    def _connect(self, say: Say, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Connect, waiting while a program that knows nothing of our lock has the file open."""
        told = False
        while True:
            try:
                if not read_only and not self.path.exists():
                    self._create()
                connection = duckdb.connect(self.path, read_only=read_only)
                connection.execute("set TimeZone = 'UTC'")
                return connection
            except (duckdb.Error, OSError) as error:
                holder = _other_program(error)
                if holder is None:
                    raise WarehouseError(
                        f"the warehouse {self.path} cannot be opened: {one_line(error)}"
                    ) from None
                if time.monotonic() >= deadline:
                    raise too_long(self.path, holder, self.lock_timeout) from None
                if not told:
                    say(f"waiting for the warehouse {self.path}: held by {holder}")
                    told = True
                time.sleep(0.1)

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


def columns_of(connection: duckdb.DuckDBPyConnection, dataset: str) -> dict[str, dict[str, str]]:
    """Return the columns of each table that a dataset has, in their order, with DuckDB's names of their types."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "select table_name, column_name, data_type from information_schema.columns "
        "where table_catalog = current_database() and table_schema = ? order by table_name, ordinal_position",
        [dataset],
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


@contextmanager
def visible(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Let SQL see an Arrow table under a name until the end of the block."""
    connection.register(name, table)
    try:
        yield
    finally:
        connection.unregister(name)


def one_line(error: BaseException) -> str:
    """Return an error's text without line breaks, and without DuckDB's stack trace."""
    return " ".join(str(error).split("Stack Trace:")[0].split())


_BESIDE = (".lock", ".holder", ".new", ".wal", ".tmp")
"""What this module, `locking` and DuckDB put beside the file, by the ends of their names."""


def _file(variable: str, text: str) -> Path:
    """Return the absolute path that a variable names. Raises WarehouseError for what is no file's."""
    # of an address only its beginning is shown, for a password may follow
    other = re.match(r"(:memory:)|([A-Za-z][\w+.-]+):", text)
    if other:
        raise WarehouseError(
            f"{variable}: found {other[1] or other[2]!r}; allowed: the path of a DuckDB file"
        )
    if Path(text).is_dir():
        raise WarehouseError(f"{variable}: found the folder {text!r}; allowed: the path of a DuckDB file")
    return Path(text).absolute()


def _other_program(error: Exception) -> str | None:
    """Return who has the file open; None if that is not what the error says."""
    if "Could not set lock on file" not in str(error):
        return None
    holder = re.search(r"Conflicting lock is held in (.*?)\. ", f"{error} ")
    return holder[1] if holder else "another program"
