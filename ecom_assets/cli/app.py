"""The command line `ecom-assets`: look at a shop before and after it is loaded, and serve the sandbox.

What is checked stands in `ingest.checking`, what is printed in `showing`. Loading is Dagster's: `dagster asset
materialize`, or the UI.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from ecom_assets.cli.discover import discover
from ecom_assets.cli.output import print_finding, print_json, print_rows, print_status

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Shop
    from ecom_assets.extract.api_check import Finding
    from ecom_assets.extract.windows import Window

# dlt takes a second to import, so the commands that need it import it themselves
app = typer.Typer(
    name="ecom-assets",
    help="Look at a shop's API before it is loaded, at what was loaded, and serve the bundled sandbox.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
    add_completion=False,
)
_out = Console(soft_wrap=True)

ShopName = Annotated[str, typer.Argument(help="The name of a declared shop, or the path of a YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Run a command; what a user can mend is one line on stderr and exit code 1."""
    try:
        app()
    except Exception as error:
        from ecom_assets.foundation.errors import IngestError

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
def check(
    shop: Annotated[str | None, typer.Argument(help="A shop's name or YAML file; else all shops.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask each endpoint a few times: does it behave as declared, and what can be promised?

    Exit code 1 if a declaration is wrong, or an API contradicts it.
    """
    from ecom_assets.declaration.reading import readable_shops
    from ecom_assets.extract.api_check import check as findings_of
    from ecom_assets.foundation.errors import IngestError

    shops, wrong = ((_shop(shop),), {}) if shop else readable_shops()
    problems = [str(error) for error in wrong.values()]
    failed = 0
    found: dict[str, list[Finding]] = {}
    for declared in shops:
        if len(shops) > 1 and not as_json:
            _out.print(f"\n{declared.name}", style="bold")
        findings = found.setdefault(declared.name, [])
        try:
            for finding in findings_of(declared):
                failed += finding.result == "failed"
                findings.append(finding)
                if not as_json:
                    print_finding(finding, _out)
        except IngestError as error:
            problems.append(str(error))
    if as_json:
        print_json(found[shops[0].name] if shop else found)
    if failed:
        problems.append(f"{failed} checks failed")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        raise SystemExit(1)


app.command(epilog="Example: ecom-assets discover sandbox:// --name mine --yes")(discover)


@app.command(epilog="Example: ecom-assets preview sandbox orders --limit 5 --window 2026-02-01")
def preview(
    shop: ShopName,
    resource: Annotated[str, typer.Argument(help="The name of a resource.")],
    limit: Annotated[int, typer.Option(min=1, help="How many records to ask for.")] = 10,
    window: Annotated[str | None, typer.Option(help="A partition key; else the API's first records.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the first rows of a table as they would be loaded, and those that would be rejected.

    Nothing is written.
    """
    from ecom_assets.contract.contract import contract_of
    from ecom_assets.contract.nested_values import explode
    from ecom_assets.extract.probe import open_probe

    declared = _shop(shop)
    entry = declared.resource(resource)
    parent = declared.parent_of(entry)
    bounds = _window(declared, parent.name, window) if window else None
    with open_probe(declared) as probe:
        page = probe.page(parent, (bounds.start, bounds.end) if bounds else None, limit=limit)
    records = page.records[:limit]
    rows = records if entry.endpoint else explode(records, entry, parent)[0]
    contracted = contract_of(declared, entry).apply(rows)
    if as_json:
        print_json({"rows": contracted.kept.to_pylist(), "rejected": contracted.rejected})
        return
    names = contracted.kept.column_names
    print_rows(f"{declared.name}.{entry.name}", names, contracted.kept.to_pylist(), Console())
    _out.print(f"{contracted.kept.num_rows} rows kept, {len(contracted.rejected)} rejected")
    for rejected in contracted.rejected:
        _out.print(f"rejected {rejected.primary_key or '?'}: {'; '.join(rejected.reasons)}", markup=False)


@app.command(epilog="Example: ecom-assets status sandbox")
def status(shop: ShopName, as_json: AsJson = False) -> None:
    """Show what has been loaded, by the ledger: windows, rows, rejected rows, the last load.

    In the bar, from the first window to the last, █ is loaded, ▒ partly, · not yet, ! a load that does not add up.
    """
    from datetime import datetime, timezone

    from ecom_assets.load.status import status as status_of
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = _shop(shop)
    found = status_of(declared, warehouse_from_environment(), datetime.now(timezone.utc))
    if as_json:
        print_json(found)
    else:
        print_status(declared.name, found, Console())


@app.command(epilog="Example: ecom-assets schema > shops/declaration.schema.json")
def schema() -> None:
    """Print the JSON Schema of a declaration, for editors; `discover` puts it beside the file that it writes."""
    from ecom_assets.declaration.reading import SCHEMA_FILE

    print(SCHEMA_FILE.read_text("utf-8"), end="")


@app.command(epilog="Example: ecom-assets sandbox --port 8000")
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    orders_per_day: Annotated[int | None, typer.Option(min=0, max=1_000_000, help="200 unless set.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address and the key as JSON.")] = False,
) -> None:
    """Serve the bundled API until Ctrl-C."""
    from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
    from ecom_assets.sandbox.server import serve_forever

    def announce(base_url: str) -> None:
        if as_json:
            print(json.dumps({"base_url": base_url, "api_key": SANDBOX_KEY}), flush=True)
            return
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

    from ecom_assets.declaration.reading import load_shop, shop_files, shops_dir

    if name.endswith((".yaml", ".yml")):
        return load_shop(Path(name))
    files = {file.stem: file for file in shop_files(shops_dir())}
    if name not in files:
        _fail(f"SHOP: found {name!r}; allowed: {', '.join(files)}, or the path of a YAML file")
    return load_shop(files[name])


def _window(shop: Shop, resource: str, key: str) -> Window:
    """Return the window of a partition key."""
    from datetime import datetime, timezone

    from ecom_assets.extract.windows import KEY_FORMATS, window_at

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
