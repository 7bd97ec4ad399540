"""The lock of a dataset: LOCK of a table of that dataset, which nobody else needs.

LOCK is the first statement of a transaction. Redshift takes the snapshot that the transaction reads with the first
statement after it, so that it has everything that the load before it committed. Readers do not wait, because no reader
uses the table.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Timer
from typing import Any

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.redshift.catalogue import LOCK_HOLDER_QUERY, TABLE_QUERY
from ecom_assets.warehouse.redshift.errors import DRIVER_ERRORS, is_canceled
from ecom_assets.warehouse.redshift.literals import filled
from ecom_assets.warehouse.remote.lock import LOCK_TABLE, is_row_updated, wait_for_row

_LIMIT = "set statement_timeout to {:.0f}"
"""Sets how long a statement may take, in milliseconds."""
_NO_LIMIT = "reset statement_timeout"
_SECONDS_OF_A_TRY = 5.0
_GRACE = 5.0
"""Seconds after which this process cancels a LOCK that the server has not ended by its own limit."""
_PAUSE = 0.1

_UNKNOWN_HOLDER = (
    "another load (SVV_TRANSACTIONS shows its session to a superuser, or to the user of that load)"
)


def prepare_lock(cursor: Any, schema: str) -> None:
    """Make the schema and its table for the lock, each in a transaction of its own. Another load may do the same.

    Args:
        cursor: A cursor of the driver, without a transaction.
        schema: The dataset, as Redshift spells it.
    """
    if _is_there(cursor, schema):
        return
    try:
        cursor.execute(f'create schema if not exists "{schema}"')
        cursor.execute(f'create table if not exists "{schema}"."{LOCK_TABLE}" (holder varchar(1))')
    except DRIVER_ERRORS:
        if not _is_there(cursor, schema):
            raise


def acquire_lock(
    connection: Any, schema: str, warehouse: object, timeout: float, on_progress: OnProgress
) -> None:
    """Begin a transaction and take the lock, which is held until the end of the transaction.

    Args:
        connection: A connection of the driver, without a transaction.
        schema: The dataset, as Redshift spells it.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load held the lock for too long.
    """
    cursor = connection.cursor()
    seconds = max(0.1, min(_SECONDS_OF_A_TRY, timeout))

    def lock() -> None:
        watch = Timer(seconds + _GRACE, connection.cancel)
        watch.start()
        try:
            cursor.execute(f'lock table "{schema}"."{LOCK_TABLE}"')
        finally:
            watch.cancel()

    def is_taken() -> bool:
        cursor.execute(_LIMIT.format(seconds * 1000))
        return is_row_updated(
            lambda: cursor.execute("begin"),
            lock,
            lambda: cursor.execute("rollback"),
            DRIVER_ERRORS,
            is_canceled,
        )

    wait_for_row(is_taken, lambda: _holder(cursor, schema), warehouse, timeout, _PAUSE, on_progress)
    cursor.execute(_NO_LIMIT)


def run_within(run: Callable[[str], Any], sql: str, timeout: float) -> Any:
    """Run a statement of a transaction that waits for others, and return its cursor.

    Args:
        run: Runs a statement, and raises one of `DRIVER_ERRORS`.
        sql: The statement.
        timeout: How many seconds it may take.
    """
    run(_LIMIT.format(max(1, timeout * 1000)))
    try:
        cursor = run(sql)
    except DRIVER_ERRORS as error:
        if is_canceled(error):
            error.args = (
                f"another session has the table for more than {timeout:g} s (ECOM_LOCK_TIMEOUT): {sql[:100]}",
            )
        raise
    run(_NO_LIMIT)
    return cursor


def _is_there(cursor: Any, schema: str) -> bool:
    cursor.execute(filled(TABLE_QUERY, [schema, LOCK_TABLE]))
    return bool(cursor.fetchall())


def _holder(cursor: Any, schema: str) -> str:
    """Return who holds the lock: the user, the session, and since when. Others than superusers see their own."""
    found: list[Any] = []
    with suppress(*DRIVER_ERRORS):
        cursor.execute(filled(LOCK_HOLDER_QUERY, [schema, LOCK_TABLE]))
        found = cursor.fetchall()
    if not found:
        return _UNKNOWN_HOLDER
    pid, user, since = found[0]
    return (
        f"a load of the user {str(user).strip()} since {since:%H:%M:%S} UTC in session {pid} "
        f"(SELECT pg_terminate_backend({pid}) ends it)"
    )
