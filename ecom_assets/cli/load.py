"""The command `load`: loads tables of a shop, in the Dagster instance if there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecom_assets.cli.arguments import ShopArgument, find_shop

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.declaration.reading import Shop
    from ecom_assets.load.ledger.requested_loads import LoadStep

_IN_DAGSTER = "ecom_assets.orchestration.automation.requested_runs"
"""The module that loads in a Dagster instance, in a process of its own: this package does not know Dagster."""


def load(
    shop: ShopArgument,
    tables: Annotated[
        list[str] | None, typer.Argument(help="The tables. Default: all; with --window, all with windows.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="The partition key of a window, or a range of them: 2026-02-01...2026-02-07."),
    ] = None,
    missing: Annotated[
        bool,
        typer.Option("--missing", help="Load what the ledger says is missing, within --window if given."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Set the cursor of open-ended tables back to this value, for this load."),
    ] = None,
) -> None:
    """Load tables into the warehouse, with progress on stderr.

    If DAGSTER_HOME names a folder, the loads are runs of that Dagster instance, and its UI shows them. The exit code is
    0 if all tables were loaded, 1 if one failed, and 2 if the declaration or the request is wrong.
    """
    from datetime import datetime, timezone

    from ecom_assets.foundation.errors import DeclarationError, IngestError
    from ecom_assets.load.ledger.requested_loads import RequestError, requested_steps
    from ecom_assets.warehouse.choice import warehouse_from_environment

    try:
        declared = find_shop(shop)
    except IngestError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        steps = requested_steps(
            declared,
            tables or [],
            warehouse_from_environment(),
            datetime.now(timezone.utc),
            window=window,
            missing=missing,
            since=since,
        )
    except (DeclarationError, RequestError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if not steps:
        print("Nothing is missing.", file=sys.stderr)
        return
    failed = _load_in_dagster(shop, steps, since) if has_instance() else _load(declared, steps, since)
    if failed:
        raise SystemExit(1)


def has_instance(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is a Dagster instance: DAGSTER_HOME names a folder, and Dagster is installed."""
    home = environ.get("DAGSTER_HOME")
    return bool(home) and Path(str(home)).is_dir() and find_spec("dagster") is not None


def _load(shop: Shop, steps: Sequence[LoadStep], since: str | None) -> bool:
    """Load step by step, and tell whether a table failed. A step that fails as a whole does not stop the next one."""
    from ecom_assets.foundation.errors import IngestError
    from ecom_assets.load.ledger.requested_loads import report_lines
    from ecom_assets.load.run import run_load

    failed = False
    for step in steps:
        try:
            report = run_load(shop, step.tables, step.windows, progress=_print_progress, since=since)
        except IngestError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
            continue
        for line in report_lines(report):
            print(line)
        for name, reason in report.errors.items():
            print(f"error: {name}: {reason}", file=sys.stderr)
        if report.unpublished:
            print(f"error: {report.unpublished}", file=sys.stderr)
        failed = failed or bool(report.errors) or report.unpublished is not None
    return failed


def _load_in_dagster(shop: str, steps: Sequence[LoadStep], since: str | None) -> bool:
    """Load in the Dagster instance, and tell whether a run failed."""
    request = {
        "shop": shop,
        "steps": [
            {"tables": step.tables, "windows": [entry.partition_key for entry in step.windows]}
            for step in steps
        ],
        "since": since,
    }
    done = subprocess.run([sys.executable, "-m", _IN_DAGSTER, json.dumps(request)], check=False)
    return done.returncode != 0


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
