"""A DuckLake as the warehouse: Parquet files in a folder or a bucket, and a catalog that makes a load one transaction.

DuckDB works on it, so all but the way to open it is `duckdb_warehouse`'s. Here the catalog is a file, with a lock file
beside it; one in a database is `ducklake_postgres`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ecom_assets.client.failures import cause_chain
from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.ducklake.attach import attach, extensions_for, opened
from ecom_assets.warehouse.ducklake.configuration import Lake
from ecom_assets.warehouse.warehouse import DEFAULT_LOCK_TIMEOUT

_TAKEN = ("memory", "system", "temp")
"""What DuckDB calls databases of its own."""


class DuckLakeWarehouse(DuckDbWarehouse):
    """A lake whose catalog is a file."""

    kind = "ducklake"

    def __init__(
        self, lake: Lake, lock_timeout: float = DEFAULT_LOCK_TIMEOUT, secrets: Iterable[str] = ()
    ) -> None:
        """Take the lake, the seconds to wait for others, and what else no message may show; nothing is opened yet.

        Raises WarehouseError for an extension of DuckDB's that is not installed.
        """
        super().__init__(lake.path or Path(lake.schema), lock_timeout)
        self.lake = lake
        self.name = f"ducklake:{self.path}"
        self._extensions = extensions_for(lake)
        keys = (lake.bucket.secret, lake.bucket.token) if lake.bucket else ()
        self._redactor = Redactor((*secrets, *keys))
        self._folder = Path()

    @property
    def uri(self) -> str:
        """Return where the catalog is."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a dataset with the name of a database of DuckDB's: it cannot tell the two apart."""
        if shop.name.lower() in _TAKEN:
            raise WarehouseError(f"{shop.name}: DuckDB keeps the names {', '.join(_TAKEN)} for itself")

    @contextmanager
    def _connected(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection, which is dlt's too; what is raised meanwhile holds no secret of the lake."""
        with scrubbed_logging(self._redactor), self._room():
            try:
                with super()._connected(on_progress, deadline, read_only=read_only) as connection:
                    try:
                        yield connection
                    finally:
                        # closing within a transaction, DuckDB ends the process where the catalog's server is gone
                        with suppress(duckdb.Error):
                            connection.execute("ROLLBACK")
            except Exception as error:
                for cause in cause_chain(error):
                    cause.args = tuple(
                        self._redactor.scrub(part) if isinstance(part, str) else part for part in cause.args
                    )
                raise

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Hold a folder for what does not fit into the memory."""
        with ExitStack() as stack:
            try:
                self._folder = stack.enter_context(temporary_folder())
            except OSError as error:
                raise WarehouseError(
                    f"the warehouse {self} cannot be opened: the temporary folder {gettempdir()} cannot be written: "
                    f"{error.strerror} (TMPDIR names another one)"
                ) from None
            yield

    def _open(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Attach the lake to a DuckDB in memory."""
        if self.lake.kind == "duckdb" and not self.path.exists():
            self._create()
        connection = opened(self.lake, self._extensions, self._folder)
        try:
            self._attach(connection, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        # read-only, DuckDB could not make a catalog whose making was cut short
        attach(connection, self.lake, str(self.path))
