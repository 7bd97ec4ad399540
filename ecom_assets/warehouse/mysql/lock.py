"""The lock of a dataset: GET_LOCK, which the server frees when the connection ends, however that comes about."""

from __future__ import annotations

import hashlib
from typing import Any

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import waiting_line


def acquire_lock(
    cursor: Any, dataset: str, warehouse: object, timeout: float, on_progress: OnProgress
) -> None:
    """Take the lock of a dataset, which is held until the connection is closed.

    Args:
        cursor: A cursor of the driver.
        dataset: The dataset.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load held the lock for too long.
    """
    name = lock_name(dataset)
    if _is_taken(cursor, name, 0):
        return
    on_progress(waiting_line(warehouse, _holder(cursor, name)))
    if not _is_taken(cursor, name, timeout):
        raise lock_timeout_error(warehouse, _holder(cursor, name), timeout)


def lock_name(dataset: str) -> str:
    """Return the name of the lock of a dataset, of at most 64 characters. The server ignores its case."""
    return f"ecom_assets_{hashlib.sha256(dataset.encode()).hexdigest()[:40]}"


def _is_taken(cursor: Any, name: str, timeout: float) -> bool:
    cursor.execute("select get_lock(%s, %s)", [name, timeout])
    return bool(cursor.fetchone()[0] == 1)


def _holder(cursor: Any, name: str) -> str:
    """Return who holds a lock: the connection's number, its user and the client's address."""
    cursor.execute(
        "select id, user, host from information_schema.processlist where id = is_used_lock(%s)", [name]
    )
    found = cursor.fetchone()
    if found is None:
        return "another load (SHOW PROCESSLIST needs the right PROCESS to name it)"
    number, user, host = found
    return f"connection {number} of the user {user} from {host}"
