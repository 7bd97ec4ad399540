"""The locks of a lake whose catalog is in PostgreSQL. They are advisory locks in the catalog's database.

A lake whose catalog is a file has the lock file of `ecom_assets.warehouse.duckdb.lock` beside the catalog.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.postgres.identifiers import quote_identifier
from ecom_assets.warehouse.postgres.lock import acquire_lock
from ecom_assets.warehouse.warehouse import Warehouse

_QUIET_WAIT = 1.0
"""Seconds of waiting for the catalog's lock before a line reports it. Loads hold that lock only for a moment."""


def acquire_dataset_lock(
    connection: Any, schema: str, dataset: str, warehouse: Warehouse, on_progress: OnProgress
) -> None:
    """Take the lock that lets one load at a time write a dataset, until the end of the transaction.

    Args:
        connection: A connection of psycopg2 to the catalog's database.
        schema: The schema of the catalog in its database.
        dataset: The dataset in the lake.
        warehouse: The warehouse, for its timeout and for messages.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load held the lock for too long.
    """
    name = f"lake {quote_identifier(schema)} {dataset}"
    acquire_lock(connection, name, warehouse, warehouse.lock_timeout, on_progress)


def acquire_catalog_lock(connection: Any, schema: str, warehouse: Warehouse, on_progress: OnProgress) -> None:
    """Take the lock that lets one load at a time create the catalog or commit, until the end of the transaction.

    Arguments and errors are those of `acquire_dataset_lock`.
    """
    name = f"lake {quote_identifier(schema)}"
    if warehouse.lock_timeout > _QUIET_WAIT:
        with suppress(WarehouseError):
            acquire_lock(connection, name, warehouse, _QUIET_WAIT, lambda _: None)
            return
    acquire_lock(connection, name, warehouse, warehouse.lock_timeout, on_progress)
