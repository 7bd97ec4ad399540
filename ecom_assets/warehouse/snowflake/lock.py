"""The lock of a dataset: a row of a table of that dataset, which each load updates in its transaction.

Snowflake lets a second transaction that updates the row wait for the first one.
"""

from __future__ import annotations

import time
from typing import Any

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import process_description, waiting_line
from ecom_assets.warehouse.snowflake.errors import DRIVER_ERRORS, is_locked

LOCK_TABLE = "_dlt_ecom_lock"
"""No resource can have this name. With dlt's prefix, tools that list the tables of data leave it out."""
_HOLDER = "another load (SHOW LOCKS IN ACCOUNT names its session)"
LOCK_TIMEOUT = 5
"""Seconds that Snowflake waits for the row before it answers that it is locked: LOCK_TIMEOUT of the session."""
_PAUSE = 0.2


def prepare_lock(cursor: Any, schema: str) -> None:
    """Make the schema and its table with a row. Two loads that do so at once leave two rows, which is as good.

    Args:
        cursor: A cursor of the driver, without a transaction.
        schema: The dataset, as Snowflake spells it.
    """
    cursor.execute(f'create schema if not exists "{schema}"')
    table = f'"{schema}"."{LOCK_TABLE.upper()}"'
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
    deadline = time.monotonic() + timeout
    line_sent = False
    while True:
        cursor.execute("begin")
        try:
            cursor.execute(
                f'update "{schema}"."{LOCK_TABLE.upper()}" set HOLDER = ?', [process_description()]
            )
        except DRIVER_ERRORS as error:
            cursor.execute("rollback")
            if not is_locked(error):
                raise
            if time.monotonic() >= deadline:
                raise lock_timeout_error(warehouse, _HOLDER, timeout) from None
            if not line_sent:
                on_progress(waiting_line(warehouse, _HOLDER))
                line_sent = True
            time.sleep(_PAUSE)
        else:
            return
