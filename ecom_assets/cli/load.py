"""The command `load`: loads tables of a shop, in the Dagster instance if there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from ecom_assets.cli.arguments import ShopArgument, find_shop

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.declaration.reading import Shop
    from ecom_assets.foundation.interruption import Interrupted
    from ecom_assets.load.ledger.requested_loads import Loads, LoadStep

_IN_DAGSTER = "ecom_assets.orchestration.automation.requested_runs"
"""The module that loads in a Dagster instance, in a process of its own: this package does not know Dagster."""
_START = f"""
import runpy, signal
from ecom_assets.foundation.garbage_collection import relaxed_garbage_collection
signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback; Dagster takes it over in a run
with relaxed_garbage_collection():
    runpy.run_module({_IN_DAGSTER!r}, run_name="__main__", alter_sys=True)
"""
_NO_INSTANCE = 2
"""The exit code of that module if the instance cannot be opened. It has said so, and nothing was loaded."""
_PAUSE = 1.0
"""Seconds between the signals to the process of a Dagster instance. Python may lose one, in a clean-up for example."""
_LEDGER_TIMEOUT = 3.0
"""Seconds to wait for another load before the ledger is read, to tell an interrupted command's loads from others."""


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
    0 if all tables were loaded, 1 if one failed, 2 if the declaration or the request is wrong, 130 after Ctrl-C, and
    143 after SIGTERM.
    """
    from ecom_assets.foundation.interruption import Interrupted, raised_interruptions

    with raised_interruptions():
        try:
            _load_requested(shop, tables or [], window=window, missing=missing, since=since)
        except Interrupted as interruption:
            print(f"error: interrupted by {interruption}: nothing was loaded", file=sys.stderr)
            raise SystemExit(interruption.exit_code) from None


def _load_requested(
    shop: str, tables: Sequence[str], *, window: str | None, missing: bool, since: str | None
) -> None:
    """Do what the command does. An interruption is raised while nothing is loaded, and a SystemExit later."""
    from datetime import datetime, timezone

    from ecom_assets.foundation.errors import DeclarationError, IngestError
    from ecom_assets.foundation.interruption import Interrupted
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
            tables,
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
    before = _newest_loads(declared, steps)
    try:
        failed = _load_in_dagster(shop, steps, since) if has_instance() else _load(declared, steps, since)
    except Interrupted as interruption:
        print(f"error: {_interruption_text(declared, steps, before, interruption)}", file=sys.stderr)
        raise SystemExit(interruption.exit_code) from None
    if failed:
        raise SystemExit(1)


def has_instance(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is a Dagster instance: DAGSTER_HOME names a folder, and Dagster is installed.

    If it names none, a line says that no UI shows the load.

    Raises:
        IngestError: DAGSTER_HOME is no path.
    """
    from ecom_assets.foundation.setting_paths import instance_home

    home = environ.get("DAGSTER_HOME")
    if not home or find_spec("dagster") is None:
        return False
    if instance_home(environ).is_dir():
        return True
    _print_progress(
        f"DAGSTER_HOME={home} is no folder: the load is without Dagster, and its UI does not show it"
    )
    return False


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
    """Load in the Dagster instance, and tell whether a run failed.

    Raises:
        SystemExit: The instance cannot be opened.
    """
    from ecom_assets.foundation.interruption import Interrupted

    request = {
        "shop": shop,
        "steps": [
            {"tables": step.tables, "windows": [entry.partition_key for entry in step.windows]}
            for step in steps
        ],
        "since": since,
    }
    with subprocess.Popen([sys.executable, "-c", _START, json.dumps(request)]) as process:
        try:
            code = process.wait()
        except Interrupted:
            # a terminal sends Ctrl-C to both processes, anybody else to this one only
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PAUSE)
                process.terminate()
            raise
    if code == _NO_INSTANCE:
        raise SystemExit(code)
    return code != 0


def _newest_loads(shop: Shop, steps: Sequence[LoadStep]) -> Loads | None:
    """Return the newest loads in the ledger, None if it cannot be read soon."""
    from ecom_assets.foundation.errors import WarehouseError
    from ecom_assets.load.ledger.requested_loads import newest_loads
    from ecom_assets.warehouse.choice import warehouse_from_environment

    warehouse = warehouse_from_environment()
    warehouse.lock_timeout = min(warehouse.lock_timeout, _LEDGER_TIMEOUT)
    try:
        return newest_loads(shop, warehouse, steps)
    except WarehouseError:
        return None


def _interruption_text(
    shop: Shop, steps: Sequence[LoadStep], before: Loads | None, interruption: Interrupted
) -> str:
    """Return what an interrupted command has loaded, in one line."""
    from ecom_assets.load.ledger.requested_loads import interruption_line

    after = None if before is None else _newest_loads(shop, steps)
    if before is None or after is None:
        found = f"the ledger cannot be read now: ecom-assets status {shop.name} says what is loaded"
    else:
        found = interruption_line(steps, before, after)
    return (
        f"interrupted by {interruption}: {found}. No table is loaded in part. Run the command again to go on"
    )


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
