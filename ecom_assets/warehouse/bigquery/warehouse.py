"""A project of BigQuery as the warehouse. A load is one transaction in a session, which first updates its lock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.bigquery.connection import REQUEST_TIMEOUT, RETRY, Connection
from ecom_assets.warehouse.bigquery.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.bigquery.lock import acquire_lock, prepare_lock, release_lock
from ecom_assets.warehouse.bigquery.transaction import BigQueryTransaction
from ecom_assets.warehouse.errors import open_error
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.transaction import Transaction

_NAME = re.compile(r"\w+", re.ASCII)
_MEGABYTE = 1_000_000


class BigQueryWarehouse(RemoteWarehouse):
    """A project. Each dataset of the warehouse is one of BigQuery."""

    kind = "bigquery"
    product = "BigQuery"
    limits_of_preview = "untested against the service"
    max_identifier_length = 300
    driver_errors = DRIVER_ERRORS
    transaction_type = BigQueryTransaction

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[BigQueryTransaction]:
        """Lock the dataset and write it in one transaction, and tell how many bytes its queries read.

        See `RemoteWarehouse.transaction`.
        """
        with super().transaction(dataset, on_progress, stage) as transaction:
            assert isinstance(transaction, BigQueryTransaction)
            try:
                yield transaction
            except BaseException:
                transaction.drop_loaded_files()
                raise
        megabytes = transaction.connection.bytes_processed / _MEGABYTE
        on_progress(f"{dataset}: the queries have read {megabytes:,.1f} MB of tables in BigQuery")

    def _make_dataset(self, connection: Connection, dataset: str) -> None:
        reference = bigquery.Dataset(f"{connection.project}.{dataset}")
        reference.location = connection.location
        client = connection.client
        try:
            found = client.get_dataset(reference.reference, retry=RETRY, timeout=REQUEST_TIMEOUT)
        except NotFound:
            found = client.create_dataset(reference, exists_ok=True, retry=RETRY, timeout=REQUEST_TIMEOUT)
        if found.location and found.location.lower() != connection.location.lower():
            raise WarehouseError(
                f"{dataset}: found a dataset in {found.location}, and the location {connection.location}; write "
                f"location={found.location} into the address, or location under destination in .dlt/"
            )
        prepare_lock(connection)

    def _lock_and_begin(self, connection: Connection, dataset: str, on_progress: OnProgress) -> None:
        acquire_lock(connection, self, self.lock_timeout, on_progress)

    def _begin_reading(self, connection: Connection, dataset: str) -> None:
        """Do nothing: the connection knows the dataset. Each statement reads what is committed at its time."""

    def _is_refused(self, error: Exception) -> bool:
        return server_refused(error)

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        try:
            connection = Connection(self.address, dataset)
        except CONNECT_ERRORS as error:
            raise open_error(self, self.error_text(error)) from None
        try:
            yield connection
        finally:
            connection.end_session()
            release_lock(connection)
            connection.client.close()

    def _check_length(self, where: str, name: str) -> None:
        super()._check_length(where, name)
        if not _NAME.fullmatch(name):
            raise WarehouseError(
                f"{where}: found the name {name!r}; allowed in BigQuery: letters without accents, digits and _"
            )
