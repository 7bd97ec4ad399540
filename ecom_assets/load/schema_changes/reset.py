"""Drops tables with their children, ledger entries and rejected rows, so that they can be loaded anew.

This is what the command `ecom-assets reset` does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.foundation.errors import IngestError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.ledger.audits import delete_audits
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.schema_changes.foreign_tables import loaded_resources
from ecom_assets.load.unions import refresh_unions_over, undeclared_views
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class ResetTable:
    """A table that is reset: its rows, and its entries in the ledger and in the rejected rows.

    `rows` is None if there is no such table. A view over several shops is called `dataset.name`.
    """

    table: str
    rows: int | None
    ledger_entries: int
    rejected_rows: int

    @property
    def is_view(self) -> bool:
        """Whether it is a view over several shops that is no longer declared."""
        return "." in self.table


def tables_to_reset(shop: Shop, warehouse: Warehouse, names: Collection[str]) -> tuple[ResetTable, ...]:
    """Return the tables that a reset drops, with their children and the undeclared views over them.

    Args:
        shop: The shop.
        warehouse: Where its tables are.
        names: The tables, by default all. Some may no longer be declared. A table that no load made is left alone.

    Raises:
        IngestError: The shop has no table of this name, and no load of it made one.
        WarehouseError: The warehouse cannot be read.
    """
    with warehouse.read(shop.name) as transaction:
        present = transaction.columns_of(shop.name)
        loaded = loaded_resources(transaction, shop)
        declared = {resource.name for resource in shop.tables}
        views = undeclared_views(shop, transaction, present)
        for name in names:
            if name not in loaded | declared and name not in views:
                allowed = ", ".join((*sorted(loaded & set(present) | declared), *views))
                raise IngestError(
                    f"TABLE: found {name!r}, which is no table of {shop.name}; allowed: {allowed}"
                )
        wanted = [name for name in dict.fromkeys(names or sorted(loaded)) if name in loaded]
        for resource in shop.resources:
            if resource.name in loaded and any(name in wanted for name in shop.endpoints_to_read(resource)):
                wanted.append(resource.name)
        sweeps = {deletions_name(name) for name in wanted}
        found = []
        for name in dict.fromkeys(name for name in wanted if name not in sweeps):
            quoted = f'"{shop.name}"."{name}"'
            rows = transaction.fetch_value(f"select count(*) from {quoted}") if name in present else None
            counts = [
                transaction.fetch_value(
                    f'select count(*) from "{shop.name}"."{table}" where resource in (?, ?)',
                    [name, deletions_name(name)],
                )
                if table in present
                else 0
                for table in (LEDGER_TABLE, REJECTED_ROWS_TABLE)
            ]
            found.append(ResetTable(name, rows, *counts))
        below = {entry.table for entry in found}
        over = undeclared_views(shop, transaction, below)
        found += [ResetTable(view, None, 0, 0) for view in views if view in names or view in over]
        return tuple(found)


def reset(shop: Shop, warehouse: Warehouse, tables: Sequence[ResetTable], on_progress: OnProgress) -> None:
    """Drop tables, their ledger entries and their rejected rows, in one transaction.

    Args:
        shop: The shop.
        warehouse: Where its tables are.
        tables: What `tables_to_reset` returned.
        on_progress: Is told when another process holds the lock, and what becomes of views over several shops.

    Raises:
        WarehouseError: Nothing was changed, because a view needs one of the tables for example.
    """
    with (
        as_warehouse_error(warehouse, Redactor(())),
        warehouse.transaction(shop.name, on_progress) as transaction,
    ):
        present = transaction.columns_of(shop.name)
        for entry in tables:
            if entry.is_view:
                schema, name = entry.table.split(".")
                transaction.execute(f'drop view if exists "{schema}"."{name}"')
            elif entry.table in present:
                transaction.execute(f'drop table "{shop.name}"."{entry.table}"')
        present = transaction.columns_of(shop.name)
        for table in (LEDGER_TABLE, REJECTED_ROWS_TABLE):
            for entry in tables if table in present else ():
                transaction.execute(
                    f'delete from "{shop.name}"."{table}" where resource in (?, ?)',
                    [entry.table, deletions_name(entry.table)],
                )
        delete_audits(transaction, shop, present, [entry.table for entry in tables])
    refresh_unions_over(shop, [entry.table for entry in tables], warehouse, on_progress)
