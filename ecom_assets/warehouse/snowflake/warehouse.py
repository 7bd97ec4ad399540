"""A database of Snowflake as the warehouse. A load is one transaction that holds a row of its dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import snowflake.connector

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import open_error
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.snowflake.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.snowflake.lock import LOCK_TIMEOUT, acquire_lock, prepare_lock
from ecom_assets.warehouse.snowflake.transaction import SnowflakeTransaction


class SnowflakeWarehouse(RemoteWarehouse):
    """A database. Each dataset is a schema of it."""

    kind = "snowflake"
    product = "Snowflake"
    limits_of_preview = "untested against the service"
    max_identifier_length = 255
    driver_errors = DRIVER_ERRORS
    transaction_type = SnowflakeTransaction

    def _make_dataset(self, connection: Any, dataset: str) -> None:
        schema = dataset.upper()
        prepare_lock(connection.cursor(), schema)
        connection.cursor().execute(f'use schema "{schema}"')

    def _lock_and_begin(self, connection: Any, dataset: str, on_progress: OnProgress) -> None:
        acquire_lock(connection.cursor(), dataset.upper(), self, self.lock_timeout, on_progress)

    def _begin_reading(self, connection: Any, dataset: str) -> None:
        """Read each statement's rows as they are at its time."""
        with suppress(*DRIVER_ERRORS):  # before the first load there is no schema
            connection.cursor().execute(f'use schema "{dataset.upper()}"')

    def _is_refused(self, error: Exception) -> bool:
        return server_refused(error)

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        """Hold an open connection. Snowflake's query history has the dataset.

        A block that fails ends without a commit. One that succeeds has committed, or only read.
        """
        try:
            connection = snowflake.connector.connect(
                **self.address.parameters,
                paramstyle="qmark",
                session_parameters={"QUERY_TAG": f"ecom-assets {dataset}", "LOCK_TIMEOUT": LOCK_TIMEOUT},
            )
        except CONNECT_ERRORS as error:
            raise open_error(self, self.error_text(error)) from None
        try:
            yield connection
        except BaseException:
            # at once: a transaction that nobody ends keeps its locks for minutes
            with suppress(*DRIVER_ERRORS):
                connection.cursor().execute("rollback")
            raise
        finally:
            connection.close()
