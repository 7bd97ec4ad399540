"""A catalog of Databricks as the warehouse. A load is one transaction, and begins again if another one overtakes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.databricks.connection import Connection
from ecom_assets.warehouse.databricks.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.databricks.lock import begin_with_lock, drop_leftovers, prepare_lock
from ecom_assets.warehouse.databricks.transaction import DatabricksTransaction
from ecom_assets.warehouse.errors import Overtaken, open_error
from ecom_assets.warehouse.remote.transaction import TEMPORARY
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.transaction import Transaction

Result = TypeVar("Result")


class DatabricksWarehouse(RemoteWarehouse):
    """A catalog. Each dataset is a schema of it."""

    kind = "databricks"
    product = "Databricks"
    limits_of_preview = "untested against the service"
    is_optimistic = True
    max_identifier_length = 255
    driver_errors = DRIVER_ERRORS
    transaction_type = DatabricksTransaction

    def write(
        self,
        dataset: str,
        work: Callable[[Transaction], Result],
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Result:
        """Rehearse the work, then do it in one transaction, and all of it again while other loads commit first.

        See `Warehouse.write` for arguments and errors. The lock timeout begins when another load commits first.
        """
        deadline: float | None = None
        while True:
            try:
                return super().write(dataset, work, on_progress, stage)
            except Overtaken as error:
                now = time.monotonic()
                deadline = deadline or now + self.lock_timeout
                if now >= deadline:
                    raise WarehouseError(
                        f"{error.reason}, and so did others for {self.lock_timeout:g} s (ECOM_LOCK_TIMEOUT): start "
                        "the load again, or wait longer"
                    ) from None
                on_progress(f"{error.reason}: this load begins again")

    def _make_dataset(self, connection: Connection, dataset: str) -> None:
        prepare_lock(connection, dataset.lower())
        connection.run(f"use schema `{dataset.lower()}`")
        drop_leftovers(connection, dataset.lower(), TEMPORARY)

    def _lock_and_begin(self, connection: Connection, dataset: str, on_progress: OnProgress) -> None:
        begin_with_lock(connection)

    def _begin_reading(self, connection: Connection, dataset: str) -> None:
        """Read each statement's rows as they are at its time."""
        with suppress(*DRIVER_ERRORS):  # before the first load there is no schema
            connection.run(f"use schema `{dataset.lower()}`")

    def _is_refused(self, error: Exception) -> bool:
        return server_refused(error)

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        """Hold an open connection, which is closed without a commit."""
        try:
            connection = Connection(self.address, self)
        except CONNECT_ERRORS as error:
            raise open_error(self, self.error_text(error)) from None
        try:
            yield connection
        finally:
            connection.close()
