"""The ledger and the rejected rows of a run, and what has to go before the run's rows come.

The figures are `tally`'s; that all of it happens in one step is `loading`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltSource

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.load_metrics import LoadMetrics, ResourceReport, WindowReport
from ecom_assets.warehouse.transaction import Transaction

LEDGER = "load_ledger"
REJECTED = "rejected_rows"

_INSTANT = pa.timestamp("us", "UTC")
_LEDGER_SCHEMA = pa.schema(
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
    ]
)
_REJECTED_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("resource", pa.string(), nullable=False),
        pa.field("partition_key", pa.string()),
        pa.field("primary_key", pa.string()),
        pa.field("reasons", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
        pa.field("rejected_at", _INSTANT, nullable=False),
    ]
)
"""`reasons` are parted by `; `, `record` is the record as JSON text."""

_HINTS = {pa.string(): "text", pa.int64(): "bigint", pa.float64(): "double", _INSTANT: "timestamp"}


def ledger_source(
    shop: Shop, load_metrics: Sequence[LoadMetrics], reports: Sequence[ResourceReport], now: datetime
) -> DltSource:
    """Return a dlt source of the rows that a run adds to the ledger and to the rejected rows.

    `now`, in UTC, is when the run had read everything.
    """
    ledger = [_entry(window, report.load_id, now) for report in reports for window in report.windows]
    rejected = [
        {
            "load_id": report.load_id,
            "resource": metrics.resource.name,
            "partition_key": key,
            "primary_key": entry.primary_key,
            "reasons": "; ".join(entry.reasons),
            "record": entry.record,
            "rejected_at": now,
        }
        for metrics, report in zip(load_metrics, reports, strict=True)
        for key, entry in metrics.rejected
    ]

    @dlt.source(name=shop.name, max_table_nesting=0)
    def books() -> Any:
        return [_table(LEDGER, ledger, _LEDGER_SCHEMA), _table(REJECTED, rejected, _REJECTED_SCHEMA)]

    return books()


def empty_staging(warehouse: Transaction, shop: Shop) -> None:
    """Delete what dlt has merged from, in the transaction of the load: it would be stored a second time."""
    staging = f"{shop.name}_staging"
    for table in warehouse.columns_of(staging):
        if not table.startswith("_dlt"):
            warehouse.execute(f'truncate "{staging}"."{table}"')


def insert_ledger_row(
    warehouse: Transaction, shop: Shop, load_id: str, window: WindowReport, now: datetime
) -> None:
    """Add a row to the ledger in the open transaction, for what no load brings."""
    rows = pa.Table.from_pylist([_entry(window, load_id, now)], schema=_LEDGER_SCHEMA)
    names = ", ".join(f'"{name}"' for name in rows.column_names)
    with warehouse.temporary_table("ecom_entry", rows):
        warehouse.execute(f'insert into "{shop.name}"."{LEDGER}" ({names}) select {names} from ecom_entry')


def _entry(window: WindowReport, load_id: str | None, now: datetime) -> dict[str, Any]:
    """Return a row of the ledger."""
    figures = {name: getattr(window, name, None) for name in _LEDGER_SCHEMA.names}
    return figures | {"load_id": load_id, "loaded_at": now}


def _table(name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> Any:
    """Return a dlt resource that appends rows; without any it still makes the table."""

    def entries() -> Iterator[pa.Table]:
        yield pa.Table.from_pylist(rows, schema=schema)

    hints: Any = {
        field.name: {"data_type": _HINTS[field.type], "nullable": field.nullable} for field in schema
    }
    return dlt.resource(entries, name=name, columns=hints, write_disposition="append")


def delete_replaced_rows(warehouse: Transaction, shop: Shop, load_metrics: Sequence[LoadMetrics]) -> None:
    """Delete, before a load, what its windows had rejected before, and the nested rows of the records it brings.

    A nested list is replaced as a whole, so that an element that is gone at the source is gone here too, even
    when it was the last one.
    """
    present = warehouse.columns_of(shop.name)
    for metrics in load_metrics:
        name = metrics.resource.name
        if REJECTED in present:
            keys = pa.table({"partition_key": pa.array(metrics.partition_keys, pa.string())})
            with warehouse.temporary_table("ecom_keys", keys):
                warehouse.execute(
                    f'delete from "{shop.name}"."{REJECTED}" as rows where resource = ? and exists (select 1 '
                    "from ecom_keys as keys where keys.partition_key is not distinct from rows.partition_key)",
                    [name],
                )
        if name in present and metrics.parents and metrics.resource.windowed:
            parents = pa.concat_tables(metrics.parents)
            same = " and ".join(f'rows."{column}" = parents."{column}"' for column in parents.column_names)
            with warehouse.temporary_table("ecom_parents", parents):
                warehouse.execute(
                    f'delete from "{shop.name}"."{name}" as rows using ecom_parents as parents where {same}'
                )
