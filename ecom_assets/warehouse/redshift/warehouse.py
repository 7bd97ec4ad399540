"""A database of Redshift as the warehouse. A load is one transaction that holds the lock of its dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg2

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import open_error
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.postgres.identifiers import MAX_COLUMNS, SYSTEM_COLUMNS
from ecom_assets.warehouse.redshift.errors import DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.redshift.literals import literal
from ecom_assets.warehouse.redshift.lock import acquire_lock, prepare_lock
from ecom_assets.warehouse.redshift.transaction import BEGIN_READING, RedshiftTransaction
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_SYSTEM_COLUMNS = SYSTEM_COLUMNS | {"oid"}

Result = TypeVar("Result")


class RedshiftWarehouse(RemoteWarehouse):
    """A database. Each dataset is a schema of it."""

    kind = "redshift"
    product = "Redshift"
    limits_of_preview = "untested against the service"
    max_identifier_length = 127
    driver_errors = DRIVER_ERRORS

    def __init__(self, address: ServerAddress, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The database.
            lock_timeout: How many seconds to wait for another load of the same dataset, and for a table to change.
        """
        super().__init__(address, lock_timeout)
        self.transaction_type = lambda connection: RedshiftTransaction(connection, lock_timeout)

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for names that Redshift cuts off or keeps for itself, or too many columns."""
        if shop.name.lower().startswith("pg_"):
            raise WarehouseError(f"{shop.name}: Redshift keeps names that begin with pg_ for itself")
        super().check(shop)

    def check_columns(
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError for names that Redshift cuts off or cannot tell apart, and for too many columns."""
        super().check_columns(shop, table, columns, are_cut_off=are_cut_off)
        where = f"{shop.name}.{table}"
        for name in columns:
            if name.lower() in _SYSTEM_COLUMNS:
                raise WarehouseError(
                    f"{where}: Redshift keeps the name {name} for a column of its own; declare the column with another "
                    f"name and path: {name}"
                )
        if len(columns) > MAX_COLUMNS:
            raise WarehouseError(
                f"{where}: {len(columns):,} columns are more than the {MAX_COLUMNS:,} that Redshift allows; declare "
                "fewer, or a json column for an object with many fields"
            )

    def write(
        self,
        dataset: str,
        work: Callable[[Transaction], Result],
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Result:
        """Do the work in one transaction, of which statements on tables are a part. See `Warehouse.write`."""
        return Warehouse.write(self, dataset, work, on_progress, stage)

    def _check_length(self, where: str, name: str) -> None:
        if len(name.encode()) > self.max_identifier_length:
            raise WarehouseError(
                f"{where}: the name {name} is longer than the {self.max_identifier_length} bytes that Redshift allows"
            )

    def _make_dataset(self, connection: Any, dataset: str) -> None:
        prepare_lock(connection.cursor(), dataset.lower())
        self._use(connection, dataset)

    def _lock_and_begin(self, connection: Any, dataset: str, on_progress: OnProgress) -> None:
        acquire_lock(connection, dataset.lower(), self, self.lock_timeout, on_progress)

    def _begin_reading(self, connection: Any, dataset: str) -> None:
        """Read what is committed now, for the whole block."""
        self._use(connection, dataset)
        connection.cursor().execute(BEGIN_READING)

    def _is_refused(self, error: Exception) -> bool:
        return server_refused(error)

    def _use(self, connection: Any, dataset: str) -> None:
        connection.cursor().execute(f'set search_path to "{dataset.lower()}", public')

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        """Hold an open connection, which is closed without a commit. Redshift's query history has the dataset."""
        try:
            connection = psycopg2.connect(**self.address.parameters)
        except DRIVER_ERRORS as error:
            raise open_error(self, self.error_text(error)) from None
        try:
            connection.autocommit = (
                True  # a transaction begins with LOCK, which the driver would not let come first
            )
            cursor = connection.cursor()
            cursor.execute("set timezone to 'UTC'")
            cursor.execute(f"set query_group to {literal(f'ecom-assets {dataset}')}")
            yield connection
        finally:
            with suppress(*DRIVER_ERRORS):
                connection.close()
