"""Advisory locks of PostgreSQL, by which loads on many machines take turns."""

from __future__ import annotations

import hashlib
from typing import Any

from psycopg2.errors import LockNotAvailable

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import waiting_line
from ecom_assets.warehouse.postgres.statements import savepoint


def acquire_lock(
    connection: Any, name: str, warehouse: object, timeout: float, on_progress: OnProgress
) -> None:
    """Take a lock that is held until the end of the transaction.

    From then on the transaction also waits no longer than `timeout` for a lock of a table.

    Args:
        connection: A connection of psycopg2, in the transaction.
        name: What the lock is of. It is the same on every machine.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another connection holds the lock.

    Raises:
        WarehouseError: Another connection, which the message describes, held the lock for too long.
    """
    key = _key(name)
    with connection.cursor() as cursor:
        cursor.execute("select set_config('lock_timeout', %s, true)", [f"{max(1, timeout * 1000):.0f}"])
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
        if cursor.fetchone()[0]:
            return
        on_progress(waiting_line(warehouse, _holder(cursor, key)))
        try:
            with savepoint(connection, "ecom_lock"):
                cursor.execute("select pg_advisory_xact_lock(%s)", [key])
        except LockNotAvailable:
            raise lock_timeout_error(warehouse, _holder(cursor, key), timeout) from None


def _key(name: str) -> int:
    """Return the number of a lock: 64 bits with a sign, as PostgreSQL wants it."""
    digest = hashlib.sha256(f"ecom_assets {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _holder(cursor: Any, key: int) -> str:
    """Return who holds a lock: the program's description, the server process, and the client's address."""
    cursor.execute(
        "select a.pid, a.application_name, a.client_addr::text from pg_locks as l "
        "join pg_stat_activity as a using (pid) where l.locktype = 'advisory' and l.granted and l.objsubid = 1 "
        "and l.database = (select oid from pg_database where datname = current_database()) "
        "and l.classid::bigint = %s and l.objid::bigint = %s",
        [(key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF],
    )
    found = cursor.fetchone()
    if found is None:
        return "another load"
    pid, program, address = found
    return f"{program or 'another program'}, server process {pid}, from {address or 'the same machine'}"
