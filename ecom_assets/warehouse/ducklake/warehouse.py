"""A DuckLake as the warehouse: Parquet files in a folder or a bucket, and a catalog that makes a load one transaction.

DuckDB does the work, so this warehouse differs from a DuckDB file only in how it is opened. In this module the catalog
is a file, with a lock file beside it. For a catalog in PostgreSQL, see
`ecom_assets.warehouse.ducklake.postgres_catalog`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from ecom_assets.client.redaction import Redactor, scrubbed_logging
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.warehouse.duckdb.open_files import OpenFile
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.ducklake.attach import attach_lake, extension_files, open_duckdb
from ecom_assets.warehouse.ducklake.configuration import Lake
from ecom_assets.warehouse.ducklake.errors import DRIVER_ERRORS, driver_errors
from ecom_assets.warehouse.ducklake.transaction import DuckLakeTransaction
from ecom_assets.warehouse.errors import open_error, redacted_errors
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT

_RESERVED_NAMES = ("memory", "system", "temp")
"""The names of DuckDB's own databases."""


class DuckLakeWarehouse(DuckDbWarehouse):
    """A lake whose catalog is a file."""

    kind = "ducklake"
    transaction_class = DuckLakeTransaction

    def __init__(
        self, lake: Lake, lock_timeout: float = DEFAULT_LOCK_TIMEOUT, secrets: Iterable[str] = ()
    ) -> None:
        """Describe the warehouse, without opening it.

        Args:
            lake: Where the catalog and the files are.
            lock_timeout: How many seconds to wait for another load.
            secrets: The secrets of the catalog, which no message may show. Those of the bucket are in `lake`.

        Raises:
            WarehouseError: An extension of DuckDB is not installed.
        """
        super().__init__(lake.path or Path(lake.schema), lock_timeout)
        self.driver_errors = driver_errors(lake.catalog_kind)
        self.lake = lake
        self.name = f"ducklake:{self.path}"
        self._extensions = extension_files(lake)
        keys = (lake.bucket.secret, lake.bucket.token) if lake.bucket else ()
        self._redactor = Redactor((*secrets, *keys))
        self._spill_folder = Path()

    @property
    def uri(self) -> str:
        """The address of the catalog."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a shop with the name of one of DuckDB's databases: DuckDB would confuse the two."""
        if shop.name.lower() in _RESERVED_NAMES:
            raise WarehouseError(
                f"{shop.name}: DuckDB keeps the names {', '.join(_RESERVED_NAMES)} for itself"
            )

    def check_dataset(self, dataset: str, whose: str) -> None:
        """Allow each name that a declaration allows: the lake's database has a name that no dataset has."""

    @contextmanager
    def _open_connection(
        self, on_progress: OnProgress, deadline: float, *, read_only: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold an open connection. Errors and logs meanwhile have no secret of the lake."""
        with (
            scrubbed_logging(self._redactor),
            self._temporary_spill_folder(),
            redacted_errors(self._redactor),
            super()._open_connection(on_progress, deadline, read_only=read_only) as connection,
        ):
            try:
                yield connection
            finally:
                # if DuckDB closes a connection with an open transaction while the catalog's server is gone, it
                # ends the process
                with suppress(*DRIVER_ERRORS):
                    connection.execute("ROLLBACK")

    @contextmanager
    def _temporary_spill_folder(self) -> Iterator[None]:
        """Hold a folder into which DuckDB writes what does not fit into memory."""
        with ExitStack() as stack:
            try:
                self._spill_folder = stack.enter_context(temporary_folder())
            except WarehouseError as error:
                raise open_error(self, str(error)) from None
            yield

    def _open(self, *, read_only: bool) -> OpenFile:
        """Attach the lake to a DuckDB in memory, without waiting."""
        if self.lake.catalog_kind == "duckdb" and not self.path.exists():
            self._create_file()
        connection = open_duckdb(self.lake, self._extensions, self._spill_folder)
        try:
            self._attach(connection, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return connection, connection.close

    def _attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
        """Attach the lake for reading and writing, because DuckDB can finish a half created catalog only so."""
        attach_lake(connection, self.lake, str(self.path))
