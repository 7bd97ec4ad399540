"""The lock of a dataset: a row of a table of that dataset, which each load updates first in its transaction.

Nobody waits for the row, because Databricks lets transactions run side by side. Of two that update the same row, the
one that commits later is refused, and begins again. This is enough, for three reasons:

* A transaction reads a table as it was at its first access to it. The lock is accessed first: a load that sees the row
  as another load left it also sees the rest of what that load committed.
* A load that commits after that changes the row of the lock, so that this one is refused at its commit.
* A load that was killed leaves nothing that others would have to wait for.

This follows from Databricks' manual of transactions and from the tests of its drivers. It was not tried on the service.
"""

from __future__ import annotations

from contextlib import suppress

from ecom_assets.warehouse.databricks.connection import Connection
from ecom_assets.warehouse.databricks.errors import DRIVER_ERRORS, is_conflict
from ecom_assets.warehouse.databricks.types import TABLE_PROPERTIES
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.remote.lock import LOCK_TABLE


def prepare_lock(connection: Connection, schema: str) -> None:
    """Make the schema and its table with a row. Two loads that do so at once leave two rows, which is as good.

    Args:
        connection: A session without a transaction.
        schema: The dataset.
    """
    connection.lock = f"`{schema}`.`{LOCK_TABLE}`"
    with suppress(*DRIVER_ERRORS):  # before the first load there is no table
        if connection.run(f"select count(*) from {connection.lock}").fetchall()[0][0]:
            return
    connection.change(f"create schema if not exists `{schema}`")
    connection.change(f"create table if not exists {connection.lock} (holder STRING) {TABLE_PROPERTIES}")
    insert = f"insert into {connection.lock} select '' where not exists (select 1 from {connection.lock})"
    try:
        connection.run(insert)
    except DRIVER_ERRORS as error:
        if not is_conflict(error):  # else another load has inserted it
            raise


def begin_with_lock(connection: Connection) -> None:
    """Begin a transaction, and update the row of the lock with a description of this process.

    Raises:
        Overtaken: Another load updates the row at this moment.
    """
    connection.begin()
    connection.run(f"update {connection.lock} set holder = ?", [process_description()])


def drop_leftovers(connection: Connection, schema: str, prefix: str) -> None:
    """Drop the tables for rows that killed loads have left, when they are older than any load may be.

    Args:
        connection: A session without a transaction.
        schema: The dataset.
        prefix: Begins the names of such tables.
    """
    found = connection.run(
        "select table_name from information_schema.tables where table_schema = lower(?) "
        "and startswith(table_name, ?) and created < current_timestamp() - interval '1' day",
        [schema, prefix],
    ).fetchall()
    for (name,) in found:
        with suppress(*DRIVER_ERRORS):  # another load drops it, too
            connection.run(f"drop table if exists `{schema}`.`{name}`")
