"""The columns that tables have in the warehouse, as dlt's schema describes columns, and tables without a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from dlt.common.schema.typing import TTableSchemaColumns

from ecom_assets.contract.new_fields import column_hint, evolved_column
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.warehouse.transaction import Transaction

StoredColumns: TypeAlias = Mapping[str, TTableSchemaColumns]
"""dlt's columns by table; a table that does not exist has none."""


def stored_columns(transaction: Transaction, shop: Shop, tables: Iterable[str]) -> StoredColumns:
    """Return the columns that tables of a shop have. A column with a type that no load makes counts as text."""
    found: dict[str, TTableSchemaColumns] = {}
    present, required = transaction.columns_of(shop.name), transaction.required_columns_of(shop.name)
    for table in tables:
        for name, kind in present.get(table, {}).items():
            column = transaction.column_of(name, kind) or evolved_column(name, {})
            hint = {**column_hint(column), "name": name, "nullable": (table, name) not in required}
            found.setdefault(table, {})[name] = hint  # type: ignore[assignment]  # a dict of dlt's keys
    return found


def has_no_row(transaction: Transaction, shop: Shop, table: str) -> bool:
    """Tell whether a table of a shop is empty."""
    return not transaction.execute(f'select 1 from "{shop.name}"."{table}" limit 1').fetchall()


def columns_with_null(resource: Resource, table: TTableSchemaColumns) -> list[str]:
    """Return the columns that are not nullable, but that a table has as nullable ones, or gets as such."""
    if not table:
        return []
    return [
        column.name
        for column in resource.table_columns
        if not column.nullable and table.get(column.name, {}).get("nullable", True)
    ]
