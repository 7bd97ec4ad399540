"""The table `rejected_rows`: the records that break their contract, as the newest load of each window found them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import pyarrow as pa

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.load.read import TableReading
from ecom_assets.warehouse.transaction import Transaction

REJECTED_ROWS_TABLE = "rejected_rows"

_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("resource", pa.string(), nullable=False),
        pa.field("partition_key", pa.string()),
        pa.field("primary_key", pa.string()),
        pa.field("reasons", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
        pa.field("rejected_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)
"""`reasons` are separated by `; `, `record` is the record as JSON text."""


def rejected_rows(tables: Iterable[TableReading], rejected_at: datetime) -> pa.Table:
    """Return the rejected rows of a run. `rejected_at`, in UTC, is when the run had read everything."""
    rows = [
        {
            "load_id": table.load_id,
            "resource": table.metrics.resource.name,
            "partition_key": key,
            "primary_key": entry.primary_key,
            "reasons": "; ".join(entry.reasons),
            "record": entry.record,
            "rejected_at": rejected_at,
        }
        for table in tables
        for key, entry in table.metrics.rejected_rows
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def delete_replaced_rejections(
    transaction: Transaction,
    shop: Shop,
    load_metrics: Iterable[LoadMetrics],
    stored_tables: Collection[str],
    read_again: Mapping[str, Collection[str]],
) -> None:
    """Delete, before a load, the rejected rows that earlier loads stored for the windows that it brings.

    The load appends what it rejected itself. Without this deletion, a row that the source has corrected since would be
    reported as rejected for ever, and a row that is still wrong would be there once for each load.

    Args:
        transaction: The transaction of the load.
        shop: The shop.
        load_metrics: The metrics of the tables that are loaded, which have the windows.
        stored_tables: The names of the tables that exist.
        read_again: For each open-ended table, the ids of the loads whose rejected rows were read again.
    """
    if REJECTED_ROWS_TABLE not in stored_tables:
        return
    for metrics in load_metrics:
        if metrics.resource.open_ended:
            load_ids = pa.table({"load_id": pa.array(read_again[metrics.resource.name], pa.string())})
            with transaction.temporary_table("ecom_loads", load_ids):
                transaction.execute(
                    f'delete from "{shop.name}"."{REJECTED_ROWS_TABLE}" as rows where resource = ? '
                    "and exists (select 1 from ecom_loads as loads where loads.load_id = rows.load_id)",
                    [metrics.resource.name],
                )
            continue
        if not metrics.resource.windowed:
            # all records were read, so what windows of an earlier declaration rejected is over as well
            transaction.execute(
                f'delete from "{shop.name}"."{REJECTED_ROWS_TABLE}" where resource = ?',
                [metrics.resource.name],
            )
            continue
        keys = pa.table({"partition_key": pa.array(metrics.partition_keys, pa.string())})
        with transaction.temporary_table("ecom_keys", keys):
            transaction.execute(
                f'delete from "{shop.name}"."{REJECTED_ROWS_TABLE}" as rows where resource = ? and exists (select 1 '
                "from ecom_keys as keys where keys.partition_key is not distinct from rows.partition_key)",
                [metrics.resource.name],
            )
