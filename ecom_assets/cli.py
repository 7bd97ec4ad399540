"""The command line `ecom-assets`: look at a shop before it is loaded, and serve the sandbox.

What is checked stands in `ingest.checking`. Loading is Dagster's: `dagster asset materialize`, or the UI.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from ecom_assets.discover_command import discover

if TYPE_CHECKING:
    from ecom_assets.ingest.declaration import Shop
    from ecom_assets.ingest.windows import Window

# dlt takes a second to import, so the commands that need it import it themselves
app = typer.Typer(
    name="ecom-assets",
    help="Look at a shop's API before it is loaded, and serve the bundled sandbox.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
    add_completion=False,
)
_out = Console(soft_wrap=True)
_COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow"}

ShopName = Annotated[str, typer.Argument(help="The name of a declared shop, or the path of a YAML file.")]


def main() -> None:
    """Run a command; what a user can mend is one line on stderr and exit code 1."""
    try:
        app()
    except Exception as error:
        from ecom_assets.ingest.errors import IngestError

        if not isinstance(error, IngestError):
            raise
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(version("ecom-assets"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: ecom-assets check sandbox")
def check(shop: ShopName) -> None:
    """Ask each endpoint a few times: does it behave as declared? Exit code 1 if one does not."""
    from ecom_assets.ingest.checking import check as findings_of

    failed = 0
    for finding in findings_of(_shop(shop)):
        failed += finding.result == "failed"
        colour = _COLOURS[finding.result]
        _out.print(f"{finding.resource:<16} {finding.what:<9} [{colour}]{finding.result:<8}[/]", end="")
        _out.print(finding.detail, markup=False, highlight=False)
    if failed:
        _fail(f"{failed} checks failed")


app.command(epilog="Example: ecom-assets discover sandbox:// --name mine --yes")(discover)


@app.command(epilog="Example: ecom-assets preview sandbox orders --limit 5 --window 2026-02-01")
def preview(
    shop: ShopName,
    resource: Annotated[str, typer.Argument(help="The name of a resource.")],
    limit: Annotated[int, typer.Option(min=1, help="How many records to ask for.")] = 10,
    window: Annotated[str | None, typer.Option(help="A partition key; else the API's first records.")] = None,
) -> None:
    """Show the first rows of a table as they would be loaded. Nothing is written."""
    from ecom_assets.ingest.checking import contract_of
    from ecom_assets.ingest.contract import explode
    from ecom_assets.ingest.probe import probing

    declared = _shop(shop)
    entry = declared.resource(resource)
    parent = declared.parent_of(entry)
    bounds = _window(declared, parent.name, window) if window else None
    with probing(declared) as probe:
        page = probe.page(parent, (bounds.start, bounds.end) if bounds else None, limit=limit)
    records = page.records[:limit]
    rows = records if entry.endpoint else explode(records, entry, parent)[0]
    contracted = contract_of(declared, entry).apply(rows)
    table = Table(*contracted.kept.column_names, title=f"{declared.name}.{entry.name}")
    for row in contracted.kept.to_pylist():
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)
    _out.print(f"{contracted.kept.num_rows} rows kept, {len(contracted.rejected)} rejected")
    for rejected in contracted.rejected:
        _out.print(f"rejected {rejected.primary_key or '?'}: {'; '.join(rejected.reasons)}", markup=False)


@app.command(epilog="Example: ecom-assets sandbox --port 8000")
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    orders_per_day: Annotated[int | None, typer.Option(min=0, max=1_000_000, help="200 unless set.")] = None,
) -> None:
    """Serve the bundled API until Ctrl-C."""
    from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
    from ecom_assets.sandbox.server import serve_forever

    def announce(base_url: str) -> None:
        print(f"The sandbox answers at {base_url}, Ctrl-C ends it. For example:", flush=True)
        print(f"  curl '{base_url}/v1/orders?api_key={SANDBOX_KEY}&limit=2'", flush=True)

    try:
        settings = (
            SandboxSettings() if orders_per_day is None else SandboxSettings(orders_per_day=orders_per_day)
        )
        serve_forever(port, settings, announce)
    except (OSError, ValueError) as error:
        _fail(str(error))


def _shop(name: str) -> Shop:
    """Return the shop of a name or of a file."""
    from pathlib import Path

    from ecom_assets.ingest.declaration import load_shop, shop_files, shops_dir

    if name.endswith((".yaml", ".yml")):
        return load_shop(Path(name))
    files = {file.stem: file for file in shop_files(shops_dir())}
    if name not in files:
        _fail(f"SHOP: found {name!r}; allowed: {', '.join(files)}, or the path of a YAML file")
    return load_shop(files[name])


def _window(shop: Shop, resource: str, key: str) -> Window:
    """Return the window of a partition key."""
    from datetime import datetime, timezone

    from ecom_assets.ingest.windows import KEY_FORMATS, window_at

    if shop.partitions is None or not shop.resource(resource).windowed:
        _fail(f"--window: {resource} is a snapshot, it has no windows")
    form = KEY_FORMATS[shop.partitions.every]
    try:
        moment = datetime.strptime(key, form).replace(tzinfo=timezone.utc)
    except ValueError:
        moment = None
    window = window_at(shop.partitions, moment) if moment else None
    if window is None or window.partition_key != key:
        _fail(f"--window: found {key!r}; allowed: the start of a {shop.partitions.every} as {form}")
    return window
