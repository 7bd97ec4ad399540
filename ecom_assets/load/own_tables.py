"""The tables that every dataset has beside those of its resources: how they are created, and how rows get in.

dlt's schema knows them, so that they are recognised as ours, but dlt loads nothing into them: a package of dlt for a
handful of rows would take a quarter of the time of a small load.
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table

from ecom_assets.declaration.column_types import types_by_arrow_type
from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.warehouse.errors import ValueNotStored
from ecom_assets.warehouse.transaction import Transaction

LEDGER_TABLE = "load_ledger"

CURSOR_COLUMNS = ("cursor_path", "cursor_from", "cursor_to")
"""Of an open-ended table: the field of the cursor, from where a load read, and from where the next one reads on."""

_INSTANT = pa.timestamp("us", "UTC")
LEDGER_SCHEMA = pa.schema(
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

REJECTED_ROWS_TABLE = "rejected_rows"

REJECTED_ROWS_SCHEMA = pa.schema(
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

OWN_TABLES = {LEDGER_TABLE: LEDGER_SCHEMA, REJECTED_ROWS_TABLE: REJECTED_ROWS_SCHEMA}

_DATA_TYPES = types_by_arrow_type()


def describe_own_tables(schema: Schema) -> None:
    """Add the tables to a schema of dlt."""
    for name, fields in OWN_TABLES.items():
        columns = [
            {"name": field.name, "data_type": _DATA_TYPES[field.type], "nullable": field.nullable}
            for field in fields
        ]
        schema.update_table(new_table(name, write_disposition="append", columns=columns))  # type: ignore[arg-type]


def add_missing_columns(transaction: Transaction, shop: Shop) -> None:
    """Add the columns that the tables of an earlier version do not have, before any of their rows is deleted.

    DuckDB commits no new column of a table that has lost or changed rows in the same transaction.
    """
    stored_tables = transaction.columns_of(shop.name)
    for name, fields in OWN_TABLES.items():
        if name in stored_tables:
            _make_table(transaction, shop, name, fields)


def append_own_rows(transaction: Transaction, shop: Shop, ledger: pa.Table, rejected: pa.Table) -> None:
    """Append rows to the ledger and to the rejected rows, in the transaction of the rows that they tell about.

    Raises:
        ValueNotStored: A rejected record of a resource is too long for the engine. Nothing was loaded.
    """
    _refuse_long_records(rejected, transaction.longest_text)
    for name, rows in ((LEDGER_TABLE, ledger), (REJECTED_ROWS_TABLE, rejected)):
        append_rows(transaction, shop, name, rows)


def append_rows(transaction: Transaction, shop: Shop, name: str, rows: pa.Table) -> None:
    """Append rows to a table that this project makes itself.

    A table that does not exist is created, and a column that an earlier version did not have is added.
    """
    _make_table(transaction, shop, name, rows.schema)
    if rows.num_rows:
        transaction.append_rows(shop.name, name, rows, json=())


def _make_table(transaction: Transaction, shop: Shop, name: str, fields: pa.Schema) -> None:
    columns = {field.name: transaction.type_of(_column(field)) for field in fields}
    required = [field.name for field in fields if not field.nullable]
    transaction.make_table(shop.name, name, columns, required)


def _refuse_long_records(rejected: pa.Table, longest: int | None) -> None:
    """Raise ValueNotStored for a rejected record whose text is longer than so many bytes."""
    if longest is None:
        return
    lengths = pc.binary_length(rejected["record"]).to_pylist()
    for resource, length in zip(rejected["resource"].to_pylist(), lengths, strict=True):
        if length > longest:
            raise ValueNotStored(
                resource,
                f"a rejected record has {length:,} bytes, and the warehouse stores at most {longest:,} of a text: "
                "correct the record at the source, or load into another warehouse",
            )


@cache
def _column(field: pa.Field) -> Column:
    """Return the column of a field. Each load needs all of them, and a column takes long to validate."""
    return Column(name=field.name, data_type=_DATA_TYPES[field.type])
