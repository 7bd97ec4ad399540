"""The command `adopt`: takes over tables that no load of a shop made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.load.adoption import Adoption


def adopt(
    shop: ShopArgument,
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables of the shop; all of them by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take over tables that exist already, of a plain dlt pipeline for example, so that loads merge into them.

    Their rows stay. The ledger has no load of them, so status shows their windows as missing. The exit code is 1, and
    nothing is written, if the columns, types or key of a table do not fit the declaration.
    """
    from ecom_assets.load.adoption import adopt as take_over
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    warehouse = warehouse_from_environment()
    out = Console(soft_wrap=True, highlight=False, stderr=as_json)

    def say(line: str) -> None:
        out.print(line, markup=False)

    found = take_over(declared, warehouse, tables or [], say, commit=yes)
    _print_tables(out, declared.name, found)
    if not found.tables and not found.plain_dlt:
        say(
            f"Nothing to adopt: the warehouse {warehouse} has no such table that no load of {declared.name} made."
        )
    elif found.fits:
        if not yes:
            if not typer.confirm(f"Adopt this in the warehouse {warehouse}?", err=True):
                raise typer.Exit(1)
            found = take_over(declared, warehouse, tables or [], say)
        if found.fits:
            say("Adopted. Load the tables: status shows their windows as missing.")
        else:  # somebody changed a table after the question
            _print_tables(out, declared.name, found)
    if as_json:
        print_json(found.tables)
    if not found.fits:
        say("Nothing was adopted.")
        raise typer.Exit(1)


def _print_tables(out: Console, shop: str, found: Adoption) -> None:
    if found.plain_dlt:
        out.print(
            f"{shop}: the dataset of another dlt pipeline. Do not run that pipeline again.", markup=False
        )
    for table in found.tables:
        fits = "does not fit the declaration" if table.problems else "fits the declaration"
        out.print(f"{shop}.{table.table}: {table.rows:,} rows, {fits}", markup=False)
        for problem in table.problems:
            out.print(f"  {problem}", markup=False)
        for column, text in table.changes.items() if not table.problems else ():
            entry = text if column == "*" else f"{column}: {text}"
            out.print(f"  the next load changes {entry}" if column != "*" else f"  {entry}", markup=False)
