"""The command `audit`: reads closed windows again, and compares them with the tables."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json


def audit(
    shop: ShopArgument,
    tables: Annotated[
        list[str] | None, typer.Argument(help="Tables of the shop; all of them by default.")
    ] = None,
    windows: Annotated[
        int | None,
        typer.Option(min=1, help="How many windows of each endpoint. Default: as the shop declares, or 5."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Load windows with drift again, and compare them once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read random closed windows again, and say what the tables lack, or have in another state, or have too much.

    The exit code is 1 if drift remains, or if something could not be read.
    """
    from ecom_assets.load.audit.audit import audit as compare

    declared = find_shop(shop)
    report = compare(declared, tables or (), windows=windows, repair=repair, progress=_print_progress)
    if as_json:
        print_json(report)
    else:
        for line in report.lines():
            print(line)
    for error in report.errors:
        print(f"error: {error}", file=sys.stderr)
    if not report.ok:
        raise typer.Exit(1)


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
