"""The table `load_ledger`: one row for each resource, window and load."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.reading import Shop
from ecom_assets.load.own_tables import LEDGER_SCHEMA, LEDGER_TABLE, REJECTED_ROWS_SCHEMA, append_own_rows
from ecom_assets.load.report import ResourceReport, WindowReport
from ecom_assets.warehouse.transaction import Transaction


def ledger_rows(reports: Iterable[ResourceReport], loaded_at: datetime) -> pa.Table:
    """Return the ledger's rows of a run, one for each window of each table.

    `loaded_at`, in UTC, is when the run had read everything.
    """
    rows = [_ledger_row(window, report.load_id, loaded_at) for report in reports for window in report.windows]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def insert_ledger_row(
    transaction: Transaction, shop: Shop, load_id: str, window: WindowReport, loaded_at: datetime
) -> None:
    """Add one row to the ledger in the open transaction, for a job that loads nothing through dlt.

    `loaded_at`, in UTC, is when the job had read everything.
    """
    rows = pa.Table.from_pylist([_ledger_row(window, load_id, loaded_at)], schema=LEDGER_SCHEMA)
    append_own_rows(transaction, shop, rows, REJECTED_ROWS_SCHEMA.empty_table())


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
    figures = {name: getattr(window, name, None) for name in LEDGER_SCHEMA.names}
    return figures | {"load_id": load_id, "loaded_at": loaded_at}
