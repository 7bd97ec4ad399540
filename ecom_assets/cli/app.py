"""The command line `ecom-assets`: puts the commands together and turns errors into one line."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ecom_assets.cli.audit import audit
from ecom_assets.cli.check import check
from ecom_assets.cli.dbt_sources import dbt_sources
from ecom_assets.cli.discover import discover
from ecom_assets.cli.init import init
from ecom_assets.cli.load import load
from ecom_assets.cli.pin import pin
from ecom_assets.cli.preview import preview
from ecom_assets.cli.sandbox import sandbox
from ecom_assets.cli.schema import schema
from ecom_assets.cli.status import status
from ecom_assets.cli.tables.adopt import adopt
from ecom_assets.cli.tables.copy import copy
from ecom_assets.cli.tables.diff import diff
from ecom_assets.cli.tables.migrate import migrate
from ecom_assets.cli.tables.reset import reset
from ecom_assets.cli.ui import ui
from ecom_assets.cli.warehouse_test import warehouse_test
from ecom_assets.foundation.garbage_collection import relaxed_garbage_collection, skip_collection_at_exit

# dlt takes a second to import, so commands that need it import it inside their functions
app = typer.Typer(
    name="ecom-assets",
    help="Check a shop's API, load its tables, see what is loaded, and serve the bundled sandbox API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
    add_completion=False,
)


def main() -> None:
    """Run a command; an error that the user can mend is one line on stderr, with exit code 1."""
    skip_collection_at_exit()
    try:
        with relaxed_garbage_collection():
            app()
    except Exception as error:
        from ecom_assets.foundation.errors import IngestError

        if not isinstance(error, IngestError):
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _print_version(requested: bool) -> None:
    if requested:
        print(version("ecom-assets"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


app.command(epilog="Example: ecom-assets adopt myshop orders")(adopt)
app.command(epilog="Example: ecom-assets audit myshop orders --windows 10 --repair")(audit)
app.command(epilog="Example: ecom-assets check sandbox")(check)
app.command(epilog="Example: ecom-assets copy myshop --to analytics")(copy)
app.command("dbt-sources", epilog="Example: ecom-assets dbt-sources myshop > models/myshop/sources.yml")(
    dbt_sources
)
app.command(epilog="Example: ecom-assets diff myshop")(diff)
app.command(epilog="Example: ecom-assets discover sandbox:// --name mine --yes")(discover)
app.command(epilog="Example: ecom-assets init myproject")(init)
app.command(epilog="Example: ecom-assets load sandbox orders --window 2026-02-01...2026-02-07")(load)
app.command(epilog="Example: ecom-assets migrate myshop orders")(migrate)
app.command(epilog="Example: ecom-assets pin myshop")(pin)
app.command(epilog="Example: ecom-assets preview sandbox orders --limit 5 --window 2026-02-01")(preview)
app.command(epilog="Example: ecom-assets reset myshop orders")(reset)
app.command(epilog="Example: ecom-assets status sandbox")(status)
app.command(epilog="Example: ecom-assets schema > shops/declaration.schema.json")(schema)
app.command(epilog="Example: ecom-assets sandbox --port 8000")(sandbox)
app.command(epilog="Example: ecom-assets ui --port 3001")(ui)
app.command("warehouse-test", epilog="Example: ecom-assets warehouse-test --kills 5")(warehouse_test)
