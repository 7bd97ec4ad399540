"""The lock of a dataset on a service: a row of a table of that dataset, which each load updates first.

The row is held until the end of the transaction. A service that lets a transaction wait for the row answers after some
time that it is locked; another one aborts the update at once. Either way the load tries again in a new transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import waiting_line

LOCK_TABLE = "_dlt_ecom_lock"
"""No resource can have this name. With dlt's prefix, tools that list the tables of data leave it out."""


def is_row_updated(
    begin: Callable[[], object],
    update: Callable[[], object],
    rollback: Callable[[], object],
    driver_errors: tuple[type[Exception], ...],
    is_conflict: Callable[[Exception], bool],
) -> bool:
    """Begin a transaction and update the row of the lock, and tell whether this transaction holds it now.

    Args:
        begin: Begins a transaction.
        update: Updates the row.
        rollback: Ends the transaction. The service may have done so already.
        driver_errors: What the functions raise.
        is_conflict: Tells the error of a row that another transaction holds.
    """
    begin()
    try:
        update()
    except driver_errors as error:
        with suppress(*driver_errors):
            rollback()
        if not is_conflict(error):
            raise
        return False
    return True


def wait_for_row(
    is_taken: Callable[[], bool],
    holder: Callable[[], str],
    warehouse: object,
    timeout: float,
    pause: float,
    on_progress: OnProgress,
) -> None:
    """Try to take the row until it is taken.

    Args:
        is_taken: Tries it once, as `is_row_updated`.
        holder: Returns a description of who has the row, for messages.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        pause: How many seconds to wait before the next try.
        on_progress: Receives a line if another load holds the row.

    Raises:
        WarehouseError: Another load held the row for too long.
    """
    deadline = time.monotonic() + timeout
    line_sent = False
    while not is_taken():
        if not line_sent:
            on_progress(waiting_line(warehouse, holder()))
            line_sent = True
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise lock_timeout_error(warehouse, holder(), timeout)
        time.sleep(min(pause, remaining))
