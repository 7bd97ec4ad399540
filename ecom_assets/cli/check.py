"""The command `check`: tests with a few requests whether an API behaves as its shop declares."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import SHOP_HELP, AsJson, find_shop
from ecom_assets.cli.json_output import print_json

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.extract.check.api_check import Finding

_COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow", "limit": "yellow"}


def check(
    shop: Annotated[
        str | None,
        typer.Argument(help=f"{SHOP_HELP} Default: all shops of the folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Test whether each endpoint behaves as declared, with a few requests, and list what its tables promise.

    The exit code is 1 if a declaration is wrong, or if an API contradicts it.
    """
    from ecom_assets.declaration.unions import load_folder
    from ecom_assets.extract.check.api_check import check as check_api
    from ecom_assets.extract.check.api_check import check_secrets
    from ecom_assets.foundation.errors import IngestError

    shops, _, wrong = ((find_shop(shop),), (), {}) if shop else load_folder()
    problems = [str(error) for error in wrong.values()]
    console = Console(soft_wrap=True)
    failed = 0
    findings_by_shop: dict[str, list[Finding]] = {}
    for declared in shops:
        if len(shops) > 1 and not as_json:
            console.print(f"\n{declared.name}", style="bold")
        findings = findings_by_shop.setdefault(declared.name, [])
        try:
            for finding in chain(check_secrets(declared), check_api(declared)):
                failed += finding.result == "failed"
                findings.append(finding)
                if not as_json:
                    _print_finding(finding, console)
        except IngestError as error:
            problems.append(str(error))
    if as_json:
        print_json(findings_by_shop[shops[0].name] if shop else findings_by_shop)
    if failed:
        problems.append(f"{failed} checks failed")
    _print_preview()
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        raise SystemExit(1)


def _print_preview() -> None:
    """Say on stderr if the warehouse of the environment is a preview. A wrong warehouse is told by a load."""
    from ecom_assets.foundation.errors import WarehouseError
    from ecom_assets.warehouse.choice import warehouse_from_environment

    with suppress(WarehouseError):
        if preview := warehouse_from_environment().preview:
            print(preview, file=sys.stderr)


def _print_finding(finding: Finding, console: Console) -> None:
    """Print the outcome of one check on one line."""
    colour = _COLOURS[finding.result]
    console.print(f"{finding.resource:<16} {finding.what:<9} [{colour}]{finding.result:<8}[/]", end="")
    console.print(finding.detail, markup=False, highlight=False)
