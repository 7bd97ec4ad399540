"""The command `migrate`: makes the changes of a declaration in the tables, also those that a load refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.load.schema_changes.migrate import Migration


def migrate(
    shop: ShopArgument,
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables of the shop; all of them by default.")
    ] = None,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard",
            help="Make values null that do not fit, and delete rows without a unique key. Their windows are missing "
            "then.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change stored tables to what the declaration says, in one step and without a load.

    It also protects values that were stored before their column got a `pii`. The exit code is 1 if a table cannot be
    changed: the command then names what is in the way, and the windows to load again.
    """
    from ecom_assets.client.secrets import pii_key_of
    from ecom_assets.load.schema_changes.migrate import AGREES, REFUSED
    from ecom_assets.load.schema_changes.migrate import migrate as change_tables
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    warehouse = warehouse_from_environment()
    out = Console(soft_wrap=True, highlight=False, stderr=as_json)

    def run(*, commit: bool) -> Sequence[Migration]:
        return change_tables(
            declared,
            warehouse,
            tables or [],
            lambda line: None if commit else out.print(line, markup=False),
            pii_key=lambda: pii_key_of(declared),
            discard=discard,
            commit=commit,
        )

    found = run(commit=yes)
    for table in found:
        _print_table(out, declared.name, table, discard=discard)
    if all(table.state == AGREES for table in found):
        out.print(f"Nothing of {declared.name} has to change.", markup=False)
    elif any(table.state not in (AGREES, REFUSED) for table in found):
        if not yes:
            if not typer.confirm(f"Change this in the warehouse {warehouse}?", err=True):
                raise typer.Exit(1)
            found = run(commit=True)
        out.print("Changed.", markup=False)
    if as_json:
        print_json(found)
    if any(table.state == REFUSED for table in found):
        raise typer.Exit(1)


def _print_table(out: Console, shop: str, table: Migration, *, discard: bool) -> None:
    if table.state == "agrees":
        return
    out.print(f"{shop}.{table.table}: {'cannot be changed' if table.reason else 'changes'}", markup=False)
    for column, text in table.changes.items():
        out.print(f"  {text if column == '*' else f'{column}: {text}'}", markup=False)
    if table.reason:
        out.print(f"  {table.reason}", markup=False)
    if table.values:
        out.print(f"  values that do not fit: {', '.join(table.values)}", markup=False)
    if table.loads and table.reason and not discard:
        out.print("  --discard gives these values up. Load their windows again afterwards:", markup=False)
    elif table.loads:
        out.print("  load again afterwards:", markup=False)
    for command in table.loads:
        out.print(f"    {command}", markup=False)
