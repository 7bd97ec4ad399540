"""The command `warehouse-test`: tries with loads of the sandbox whether a warehouse keeps the promises."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from ecom_assets.cli.arguments import AsJson
from ecom_assets.cli.json_output import print_json


def warehouse_test(
    kills: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many loads to kill at most, spread over the statements of a load. Default: one for each.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try whether the warehouse in ECOM_WAREHOUSE keeps the promises about loads. It takes a few minutes.

    Loads of the sandbox write into a schema of their own, ecom_warehouse_test, which is dropped at the end. Some are
    killed, some run at the same time. What is in the tables is compared with a DuckDB file in a temporary folder. The
    exit code is 1 if a promise was not kept.
    """
    from ecom_assets.load.trial.trial import try_warehouse
    from ecom_assets.warehouse.choice import warehouse_from_environment

    warehouse = warehouse_from_environment()
    out = Console(soft_wrap=True, highlight=False, stderr=as_json)
    out.print(
        f"{warehouse} ({warehouse.kind}); ecom-assets {version('ecom-assets')}, dlt {version('dlt')}, "
        f"duckdb {version('duckdb')}, Python {platform.python_version()} on {platform.system()}",
        markup=False,
    )
    progress = Console(soft_wrap=True, highlight=False, stderr=True)
    findings = []
    for finding in try_warehouse(
        warehouse, lambda line: progress.print(line, style="dim", markup=False), kills
    ):
        findings.append(finding)
        colour, word = ("green", "ok") if finding.passed else ("red", "failed")
        out.print(f"[{colour}]{word:<7}[/]", end="")
        out.print(f"{finding.step}: {finding.detail} ({finding.seconds:.0f} s)", markup=False)
    if as_json:
        print_json(findings)
    if not all(finding.passed for finding in findings):
        raise SystemExit(1)
