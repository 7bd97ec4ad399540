"""dlt's schema and the ledger after a change of tables that is no load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dlt

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.last_declaration import HINT, PLAIN_HINT, declaration_hint
from ecom_assets.extract.windows import Window
from ecom_assets.load.dlt_schema import store_schema
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.schema_changes.change import Changes, columns_after
from ecom_assets.load.stored_columns import StoredColumns
from ecom_assets.warehouse.transaction import Transaction


def store_changed_schema(
    transaction: Transaction,
    pipeline: dlt.Pipeline,
    shop: Shop,
    made: Changes,
    stored: StoredColumns,
    known: Mapping[str, Mapping[str, Any]],
) -> None:
    """Store dlt's schema as it is after changes of tables, so that the next load knows them.

    Args:
        transaction: The open transaction.
        pipeline: The pipeline, whose schema is the one of the last load.
        shop: The shop.
        made: The changes that were made, by resource.
        stored: dlt's columns of the tables before the changes.
        known: The tables of that schema.
    """
    schema = pipeline.schemas.get(shop.name)
    if schema is None or not made:
        return
    after = columns_after(stored, made)
    for name, change in made.items():
        former = known.get(change.table or name, {"columns": {}})
        if change.table not in (None, name):
            schema.tables.pop(str(change.table), None)
        columns = {}
        for column, hint in after.get(name, {}).items():
            if change.plain.get(column) == "drop":
                continue
            kept = dict(former["columns"].get(column, {}))
            for key in ("primary_key", "dedup_sort", "precision", "scale"):
                kept.pop(key, None)
            columns[column] = {**kept, **hint}
        table: Any = {**former, "name": name, "columns": columns}
        table.pop(PLAIN_HINT, None)
        table[HINT] = declaration_hint(shop, shop.resource(name))
        schema.tables[name] = table
    store_schema(transaction, shop, schema)


def delete_ledger_entries(
    transaction: Transaction,
    shop: Shop,
    resource: str,
    windows: Sequence[tuple[Window, Window]] | None,
) -> None:
    """Delete the ledger's entries of windows, and the rejected rows of these loads, so that `status` misses them.

    Args:
        transaction: The open transaction.
        shop: The shop.
        resource: The name of the resource in the ledger.
        windows: The first and the last of windows that follow each other; None for all of the resource.
    """
    present = transaction.columns_of(shop.name)
    if LEDGER_TABLE not in present:
        return
    ledger, rejected = (f'"{shop.name}"."{table}"' for table in (LEDGER_TABLE, REJECTED_ROWS_TABLE))
    for condition, parameters in _conditions(windows):
        if REJECTED_ROWS_TABLE in present:
            transaction.execute(
                f"delete from {rejected} as rows where resource = ? and exists (select 1 from {ledger} as entries "
                "where entries.resource = rows.resource and entries.load_id = rows.load_id "
                f"and (entries.partition_key = rows.partition_key or rows.partition_key is null){condition})",
                [resource, *parameters],
            )
        transaction.execute(
            f"delete from {ledger} as entries where resource = ?{condition}", [resource, *parameters]
        )


def _conditions(
    windows: Iterable[tuple[Window, Window]] | None,
) -> list[tuple[str, list[Any]]]:
    """Return the SQL conditions of ledger entries that overlap windows, each with its parameters."""
    if windows is None:
        return [("", [])]
    overlap = " and entries.window_start < ? and entries.window_end > ?"
    return [(overlap, [last.end, first.start]) for first, last in windows]
