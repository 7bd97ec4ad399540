"""The table `rejected_rows`: the records that break their contract, as the newest load of each window found them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import pyarrow as pa

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.slices import UNFILTERED
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.foundation.intervals import Intervals
from ecom_assets.load.ledger.coverage import LedgerEntry, newest_entries, replaced_entries
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_SCHEMA, REJECTED_ROWS_TABLE
from ecom_assets.load.read import TableReading
from ecom_assets.warehouse.transaction import Transaction


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
    return pa.Table.from_pylist(rows, schema=REJECTED_ROWS_SCHEMA)


def rejected_counts(
    transaction: Transaction, shop: Shop, resource: Resource, entries: Iterable[LedgerEntry]
) -> dict[LedgerEntry, int]:
    """Return how many rejected rows there are of each ledger entry of a resource that has some."""
    known = {(entry.load_id, entry.partition_key): entry for entry in entries}
    groups = transaction.execute(
        f'select load_id, partition_key, count(*) from "{shop.name}"."{REJECTED_ROWS_TABLE}" '
        "where resource = ? group by load_id, partition_key",
        [resource.name],
    ).fetchall()
    return {known[load_id, key]: count for load_id, key, count in groups if (load_id, key) in known}


def delete_replaced_rejections(
    transaction: Transaction,
    shop: Shop,
    load_metrics: Iterable[LoadMetrics],
    stored_tables: Collection[str],
    read_again: Mapping[str, Collection[str]],
) -> None:
    """Delete, before a load, the rejected rows that earlier loads stored for the time that it brings.

    The load appends what it rejected itself. Without this deletion, a row that the source has corrected since would be
    reported as rejected for ever, and a row that is still wrong would be there once for each load.

    The windows of earlier loads may have other bounds. Their rows go once newer loads cover all of their window. As
    long as a part of it counts, only those rows go that this load has read again.

    Args:
        transaction: The transaction of the load.
        shop: The shop.
        load_metrics: The metrics of the tables that are loaded, which have the windows.
        stored_tables: The names of the tables that exist.
        read_again: For each open-ended table, the ids of the loads whose rejected rows were read again.
    """
    if REJECTED_ROWS_TABLE not in stored_tables or LEDGER_TABLE not in stored_tables:
        return
    rejected_table = f'"{shop.name}"."{REJECTED_ROWS_TABLE}"'
    found = transaction.execute(f"select distinct resource from {rejected_table}").fetchall()
    with_rejections = {name for (name,) in found}
    for metrics in load_metrics:
        resource = metrics.resource
        if resource.name not in with_rejections:
            continue
        if resource.open_ended:
            load_ids = pa.table({"load_id": pa.array(read_again[resource.name], pa.string())})
            with transaction.temporary_table("ecom_loads", load_ids):
                transaction.execute(
                    f"delete from {rejected_table} as rows where resource = ? "
                    "and exists (select 1 from ecom_loads as loads where loads.load_id = rows.load_id)",
                    [resource.name],
                )
            continue
        if not resource.windowed:
            # all records were read, so what windows of an earlier declaration rejected is over as well
            transaction.execute(f"delete from {rejected_table} where resource = ?", [resource.name])
            continue
        entries = newest_entries(transaction, shop, resource)
        rejected = rejected_counts(transaction, shop, resource, entries)
        if not rejected:
            continue
        replaced = [entry for entry in replaced_entries(entries, metrics.windows) if entry in rejected]
        loaded = Intervals((window.start, window.end) for window in metrics.windows)
        columns = {
            name: pa.array([getattr(entry, name) for entry in replaced], pa.string())
            for name in ("load_id", "partition_key")
        }
        same = "gone.load_id = rows.load_id and gone.partition_key = rows.partition_key"
        with transaction.temporary_table("ecom_gone", pa.table(columns)):
            transaction.execute(
                f"delete from {rejected_table} as rows where resource = ? "
                f"and exists (select 1 from ecom_gone as gone where {same})",
                [resource.name],
            )
        in_part = [
            entry
            for entry in rejected
            if entry not in replaced and entry.start and entry.end and loaded.overlaps(entry.start, entry.end)
        ]
        for entry in in_part:
            records = _records_read_again(transaction, shop, metrics, entry, loaded)
            with transaction.temporary_table("ecom_gone", pa.table({"record": records})):
                transaction.execute(
                    f"delete from {rejected_table} as rows where resource = ? and load_id = ? and partition_key = ? "
                    "and exists (select 1 from ecom_gone as gone where gone.record = rows.record)",
                    [resource.name, entry.load_id, entry.partition_key],
                )


def delete_unfiltered_rejections(transaction: Transaction, shop: Shop, resource: Resource) -> None:
    """Delete the rejected rows that sweeps stored of a resource, its nested lists and its children."""
    if REJECTED_ROWS_TABLE not in transaction.columns_of(shop.name):
        return
    for table in shop.tables:
        if shop.root_of(table).name == resource.name:
            transaction.execute(
                f'delete from "{shop.name}"."{REJECTED_ROWS_TABLE}" where resource = ? and partition_key = ?',
                [table.name, UNFILTERED],
            )


def _records_read_again(
    transaction: Transaction, shop: Shop, metrics: LoadMetrics, entry: LedgerEntry, loaded: Intervals
) -> pa.Array:
    """Return the rejected records of an entry that a load of a part of its window replaces, as JSON texts.

    They are those whose cursor is in the loaded time, and those that the load has rejected again.
    """
    resource = metrics.resource
    found = transaction.execute(
        f'select record from "{shop.name}"."{REJECTED_ROWS_TABLE}" '
        "where resource = ? and load_id = ? and partition_key = ?",
        [resource.name, entry.load_id, entry.partition_key],
    ).fetchall()
    texts = [text for (text,) in found]
    again = Counter(row.record for _, row in metrics.rejected_rows)
    # equal records of other days were not read: then all of them stay
    gone = {text for text, count in Counter(texts).items() if count <= again[text]}
    if resource.endpoint and resource.endpoint.incremental:
        instants = cursor_instants_of(shop, resource, [json.loads(text) for text in texts]).to_pylist()
        moment = timedelta(microseconds=1)
        gone |= {
            text
            for text, instant in zip(texts, instants, strict=True)
            if instant is not None and loaded.covers(instant, instant + moment)
        }
    return pa.array(sorted(gone), pa.string())
