"""The command `diff`: shows what a declaration and its tables disagree on, and what the next load will do."""

from __future__ import annotations

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json


def diff(shop: ShopArgument, as_json: AsJson = False) -> None:
    """Compare a declaration with the tables in the warehouse. Nothing is changed.

    The exit code is 1 if the next load will refuse a table.
    """
    from ecom_assets.load.schema_changes.diff import AGREES, NEW, NOT_DECLARED, REFUSED
    from ecom_assets.load.schema_changes.diff import diff as compare
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    tables = compare(declared, warehouse_from_environment())
    if as_json:
        print_json(tables)
    out = Console(soft_wrap=True, highlight=False)
    texts = {
        AGREES: "agrees with the declaration",
        NEW: "the next load makes this table",
        NOT_DECLARED: f"no longer declared: kept. To drop it: ecom-assets reset {declared.name} TABLE",
    }
    for table in () if as_json else tables:
        if table.state == REFUSED:
            out.print(f"{table.table}: the next load refuses it", markup=False, style="red")
            out.print(f"  {table.reason}", markup=False)
        elif table.changes:
            out.print(f"{table.table}: the next load changes it", markup=False, style="yellow")
            for column, text in table.changes.items():
                out.print(f"  {text if column == '*' else f'{column}: {text}'}", markup=False)
        else:
            out.print(f"{table.table}: {texts[table.state].replace('TABLE', table.table)}", markup=False)
    if any(table.state == REFUSED for table in tables):
        raise typer.Exit(1)
