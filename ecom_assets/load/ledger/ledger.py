"""The table `load_ledger`: one row for each resource, window and load."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.reading import Shop
from ecom_assets.load.report import ResourceReport, WindowReport
from ecom_assets.warehouse.transaction import Transaction

LEDGER_TABLE = "load_ledger"

CURSOR_COLUMNS = ("cursor_path", "cursor_from", "cursor_to")
"""Of an open-ended table: the field of the cursor, from where a load read, and from where the next one reads on."""

_INSTANT = pa.timestamp("us", "UTC")
_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("resource", pa.string(), nullable=False),
        pa.field("partition_key", pa.string()),
        pa.field("window_start", _INSTANT),
        pa.field("window_end", _INSTANT),
        pa.field("source_total", pa.int64()),
        pa.field("fetched", pa.int64(), nullable=False),
        pa.field("kept", pa.int64(), nullable=False),
        pa.field("rejected", pa.int64(), nullable=False),
        pa.field("requests", pa.int64(), nullable=False),
        pa.field("retries", pa.int64(), nullable=False),
        pa.field("restarts", pa.int64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("loaded_at", _INSTANT, nullable=False),
        # nullable, because older rows have none
        pa.field("ignored", pa.int64()),
        *(pa.field(name, pa.string()) for name in CURSOR_COLUMNS),
        pa.field("confirmed_by", pa.string()),
        pa.field("masked", pa.int64()),
        pa.field("with_errors", pa.int64()),
    ]
)
"""`loaded_at` is when the reading ended, by the warehouse's clock, and later than that of all loads before. The cursors
are of open-ended resources; see `ecom_assets.load.ledger.cursors`."""


def ledger_rows(reports: Iterable[ResourceReport], loaded_at: datetime) -> pa.Table:
    """Return the ledger's rows of a run, one for each window of each table.

    `loaded_at`, in UTC, is when the run had read everything.
    """
    rows = [_ledger_row(window, report.load_id, loaded_at) for report in reports for window in report.windows]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def insert_ledger_row(
    transaction: Transaction, shop: Shop, load_id: str, window: WindowReport, loaded_at: datetime
) -> None:
    """Add one row to the ledger in the open transaction, for a job that loads nothing through dlt.

    `loaded_at`, in UTC, is when the job had read everything.
    """
    rows = pa.Table.from_pylist([_ledger_row(window, load_id, loaded_at)], schema=_SCHEMA)
    # a ledger that an earlier version made lacks columns until the next load
    stored = transaction.columns_of(shop.name).get(LEDGER_TABLE, {})
    rows = rows.select([name for name in rows.column_names if name in stored or not stored])
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    with transaction.temporary_table("ecom_entry", rows):
        transaction.execute(
            f'insert into "{shop.name}"."{LEDGER_TABLE}" ({names}) select {names} from ecom_entry'
        )


def loads_read_after(transaction: Transaction, shop: Shop, moment: datetime) -> frozenset[str]:
    """Return the ids of the loads whose reading ended after an instant, going by the ledger.

    Where a machine's clock was ahead, a load that is over may seem to end in the future.
    """
    if LEDGER_TABLE not in transaction.columns_of(shop.name):
        return frozenset()
    found = transaction.execute(
        f'select distinct load_id from "{shop.name}"."{LEDGER_TABLE}" where loaded_at > ?', [moment]
    )
    return frozenset(load_id for (load_id,) in found.fetchall())


def filled_tables(transaction: Transaction, shop: Shop) -> frozenset[str]:
    """Return the names of the tables for which some load has read a record, going by the ledger."""
    if LEDGER_TABLE not in transaction.columns_of(shop.name):
        return frozenset()
    found = transaction.execute(
        f'select distinct resource from "{shop.name}"."{LEDGER_TABLE}" where fetched > 0'
    )
    return frozenset(resource for (resource,) in found.fetchall())


def _ledger_row(window: WindowReport, load_id: str | None, loaded_at: datetime) -> dict[str, Any]:
    figures = {name: getattr(window, name, None) for name in _SCHEMA.names}
    return figures | {"load_id": load_id, "loaded_at": loaded_at}
