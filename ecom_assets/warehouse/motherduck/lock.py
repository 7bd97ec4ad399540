"""The lock of a dataset: a row of a table, which each load updates first in its transaction.

DuckDB lets no transaction wait. Of two that update the same row, the second one gets an error at once, and so a load
waits and tries again in a new transaction. The row has a counter, because DuckDB leaves out an update that changes
nothing, and then there is no conflict. On the service this was not tried. Should it report the conflict at the commit
in place of the update, the load fails there, and its tables are left as they were.

A row that is not committed tells nobody who holds it. So the holder writes its description into another table, with a
connection of its own, and removes it at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.motherduck.errors import DRIVER_ERRORS, is_conflict
from ecom_assets.warehouse.remote.lock import LOCK_TABLE, is_row_updated, wait_for_row

HOLDER_TABLE = "_dlt_ecom_holder"
LOCK_TABLES = {LOCK_TABLE: "select 0::bigint as loads", HOLDER_TABLE: "select '' as holder"}
"""The tables of the lock, each with the query for its only row."""
_ANYBODY = "another load"
_PAUSE = 0.2
_TRIES = 20
"""How often a statement that commits at once is tried: two first loads disturb each other for a moment."""


def prepare_lock(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    """Make the schema and the tables of the lock, each with its row in one statement.

    Args:
        connection: A connection without a transaction.
        schema: The schema, as SQL names it.
    """
    _settle(connection, f"create schema if not exists {schema}")
    for table, row in LOCK_TABLES.items():
        _settle(connection, f"create table if not exists {schema}.{table} as {row}")


def _settle(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Run a statement, again if another connection runs the same one at this moment."""
    for _ in range(_TRIES - 1):
        try:
            connection.execute(sql)
            return
        except DRIVER_ERRORS as error:
            if not is_conflict(error):
                raise
        time.sleep(_PAUSE)
    connection.execute(sql)


@contextmanager
def dataset_lock(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    warehouse: object,
    timeout: float,
    on_progress: OnProgress,
) -> Iterator[None]:
    """Begin a transaction and take the lock, and roll back at the end of the block what was not committed.

    Args:
        connection: A connection without a transaction.
        schema: The schema of the lock's tables, as SQL names it.
        warehouse: The name of the warehouse in messages.
        timeout: How many seconds to wait.
        on_progress: Receives a line if another load holds the lock.

    Raises:
        WarehouseError: Another load, which the message names, held the lock for too long.
    """
    own = process_description()
    lock, holders = f"{schema}.{LOCK_TABLE}", f"{schema}.{HOLDER_TABLE}"

    def is_taken() -> bool:
        return is_row_updated(
            lambda: connection.execute("begin transaction"),
            lambda: connection.execute(f"update {lock} set loads = loads + 1"),
            lambda: connection.execute("rollback"),
            DRIVER_ERRORS,
            is_conflict,
        )

    def holder() -> str:
        return connection.execute(f"select max(holder) from {holders}").fetchall()[0][0] or _ANYBODY

    wait_for_row(is_taken, holder, warehouse, timeout, _PAUSE, on_progress)
    with connection.cursor() as notes:
        # only the holder writes here, over what a killed load has left
        with suppress(*DRIVER_ERRORS):
            notes.execute(f"update {holders} set holder = ?", [own])
        try:
            yield
        finally:
            # nothing after a commit. Without it, the service would keep the lock until it ends the session
            with suppress(*DRIVER_ERRORS):
                connection.execute("rollback")
            with suppress(*DRIVER_ERRORS):
                notes.execute(f"update {holders} set holder = '' where holder = ?", [own])
