"""The command `reset`: drops tables of a shop, so that they can be loaded anew."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json


def reset(
    shop: ShopArgument,
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables of the shop; all of them by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop tables with their children, ledger entries and rejected rows, in one step.

    Load them again afterwards: their windows are missing then, as `status` shows.
    """
    from ecom_assets.load.schema_changes.reset import reset as drop
    from ecom_assets.load.schema_changes.reset import tables_to_reset
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    warehouse = warehouse_from_environment()
    found = tables_to_reset(declared, warehouse, tables or [])
    out = Console(soft_wrap=True, highlight=False, stderr=as_json)
    for entry in found:
        if entry.is_view:
            out.print(f"{entry.table}: a view that is no longer declared", markup=False)
            continue
        rows = "no table" if entry.rows is None else f"{entry.rows:,} rows"
        out.print(
            f"{declared.name}.{entry.table}: {rows}, {entry.ledger_entries:,} ledger entries, "
            f"{entry.rejected_rows:,} rejected rows",
            markup=False,
        )
    if not found:
        out.print(f"Nothing of {declared.name} was loaded yet.", markup=False)
    elif yes or typer.confirm(f"Drop this from the warehouse {warehouse}?", err=True):
        drop(declared, warehouse, found, out.print)
        again = "" if all(entry.is_view for entry in found) else " Load the tables again."
        out.print(f"Dropped.{again}", markup=False)
    else:
        raise typer.Exit(1)
    if as_json:
        print_json(found)
