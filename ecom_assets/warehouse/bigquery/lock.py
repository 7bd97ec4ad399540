"""The lock of a dataset: a row of a table of that dataset, which each load updates first in its transaction.

BigQuery lets no transaction wait. Of two that change rows of the same table, it aborts one: the second one that tries,
while the first is open. So a load whose update is aborted waits, and tries again in a new transaction.

This follows from BigQuery's documentation of concurrent transactions. It was not tried on the service. On an emulator,
which aborts an update of a row that an open transaction has updated, loads at once keep each other waiting. Should the
service abort at the commit in place of the update, the load fails there, and its tables are left as they were.

A load that was killed leaves its session open, with the lock. So the sessions of loads are in a table of their own,
which is written outside of the transactions: the next load on the same machine ends the session of a process that is
gone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import NotFound

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.bigquery.connection import Connection
from ecom_assets.warehouse.bigquery.errors import DRIVER_ERRORS, is_conflict
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.remote.lock import LOCK_TABLE, is_row_updated, wait_for_row

SESSIONS_TABLE = "_dlt_ecom_sessions"
"""No resource can have this name. With dlt's prefix, tools that list the tables of data leave it out."""
LOCK_TABLES = (LOCK_TABLE, SESSIONS_TABLE)
_ANYBODY = "another load"
_PAUSE = 1.0


def prepare_lock(connection: Connection) -> None:
    """Make the tables of the lock. Two loads that do so at once leave two rows, which is as good."""
    lock, sessions = _name(connection, LOCK_TABLE), _name(connection, SESSIONS_TABLE)
    count = f"select count(*) from {lock}"
    with suppress(NotFound):  # before the first load
        if connection.run(count).fetchall()[0][0]:
            return
    columns = "`session` STRING, `host` STRING, `process` INT64, `holder` STRING"
    connection.run(f"create table if not exists {sessions} ({columns})")
    # last, because it stands for both
    connection.run(f"create table if not exists {lock} (`holder` STRING)")
    if not connection.run(count).fetchall()[0][0]:
        connection.run(f"insert into {lock} (`holder`) values ('')")


def acquire_lock(connection: Connection, warehouse: object, timeout: float, on_progress: OnProgress) -> None:
    """Begin a transaction and take the lock, which is held until the end of the transaction.

    Args:
        connection: A session without a transaction.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load held the lock for too long.
    """
    update = f"update {_name(connection, LOCK_TABLE)} set `holder` = ? where true"

    def is_taken() -> bool:
        while not is_row_updated(
            lambda: connection.run("begin transaction"),
            lambda: connection.run(update, [process_description()]),
            lambda: connection.run("rollback transaction"),
            DRIVER_ERRORS,
            is_conflict,
        ):
            if not _abort_dead_sessions(connection, on_progress):
                return False
        return True

    wait_for_row(is_taken, lambda: _described(_holders(connection)), warehouse, timeout, _PAUSE, on_progress)
    connection.run(
        f"insert into {_name(connection, SESSIONS_TABLE)} (`session`, `host`, `process`, `holder`) "
        "values (?, ?, ?, ?)",
        [connection.session, socket.gethostname(), os.getpid(), process_description()],
        in_session=False,
    )
    connection.holds_lock = True


def release_lock(connection: Connection) -> None:
    """Note that the transaction has ended. Without the note, messages name a load that is gone."""
    if connection.holds_lock:
        connection.holds_lock = False
        with suppress(*DRIVER_ERRORS):
            _forget(connection, connection.session)


def _holders(connection: Connection) -> Sequence[Any]:
    sql = f"select `session`, `host`, `process`, `holder` from {_name(connection, SESSIONS_TABLE)}"
    return connection.run(sql, in_session=False).fetchall()


def _described(holders: Sequence[Any]) -> str:
    named = [f"{holder} (CALL BQ.ABORT_SESSION('{session}') ends it)" for session, _, _, holder in holders]
    return " or ".join(named) or _ANYBODY


def _abort_dead_sessions(connection: Connection, on_progress: OnProgress) -> bool:
    """End the sessions of processes of this machine that are gone, and tell whether there were any."""
    found = False
    for session, host, process, holder in _holders(connection):
        if host != socket.gethostname() or _is_alive(process):
            continue
        on_progress(f"{connection.dataset}: ending the session of a load that is gone: {holder}")
        with suppress(*DRIVER_ERRORS):  # it may have ended by itself
            connection.run(f"call bq.abort_session('{session}')", in_session=False)
        _forget(connection, session)
        found = True
    return found


def _forget(connection: Connection, session: str) -> None:
    sql = f"delete from {_name(connection, SESSIONS_TABLE)} where `session` = ?"
    connection.run(sql, [session], in_session=False)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _name(connection: Connection, table: str) -> str:
    return f"`{connection.dataset}`.`{table}`"
