"""The lock of a dataset: a row of a table of that dataset, for which Snowflake lets a second transaction wait."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.remote.lock import LOCK_TABLE, is_row_updated, wait_for_row
from ecom_assets.warehouse.snowflake.errors import DRIVER_ERRORS, is_locked

LOCK_TIMEOUT = 5
"""Seconds that Snowflake waits for the row before it answers that it is locked: LOCK_TIMEOUT of the session."""
_HOLDER = "another load (SHOW LOCKS IN ACCOUNT names its session)"
_PAUSE = 0.2


def prepare_lock(cursor: Any, schema: str) -> None:
    """Make the schema and its table with a row. Two loads that do so at once leave two rows, which is as good.

    Args:
        cursor: A cursor of the driver, without a transaction.
        schema: The dataset, as Snowflake spells it.
    """
    table = f'"{schema}"."{LOCK_TABLE.upper()}"'
    with suppress(*DRIVER_ERRORS):  # before the first load there is no table
        if cursor.execute(f"select count(*) from {table}").fetchall()[0][0]:
            return
    cursor.execute(f'create schema if not exists "{schema}"')
    cursor.execute(f"create table if not exists {table} (HOLDER VARCHAR)")
    cursor.execute(f"insert into {table} (HOLDER) select '' where not exists (select 1 from {table})")


def acquire_lock(
    cursor: Any, schema: str, warehouse: object, timeout: float, on_progress: OnProgress
) -> None:
    """Begin a transaction and take the lock, which is held until the end of the transaction.

    Args:
        cursor: A cursor of the driver, without a transaction.
        schema: The dataset, as Snowflake spells it.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load held the lock for too long.
    """
    update = f'update "{schema}"."{LOCK_TABLE.upper()}" set HOLDER = ?'

    def is_taken() -> bool:
        return is_row_updated(
            lambda: cursor.execute("begin"),
            lambda: cursor.execute(update, [process_description()]),
            lambda: cursor.execute("rollback"),
            DRIVER_ERRORS,
            is_locked,
        )

    wait_for_row(is_taken, lambda: _HOLDER, warehouse, timeout, _PAUSE, on_progress)
