"""`make demo`: loads the last seven closed windows of the sandbox shop with Dagster, and prints the results.

It starts the commands that a user would type. It reads the results from the warehouse and from Dagster's instance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from dagster import DagsterEventType, DagsterInstance, RunsFilter
from rich import box
from rich.console import Console
from rich.table import Table

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Resource, Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.garbage_collection import skip_collection_at_exit
from ecom_assets.foundation.private_files import create_private, make_private_folder
from ecom_assets.foundation.setting_paths import instance_home
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.warehouse import Warehouse

MODULE = "ecom_assets.definitions"
WINDOWS = 7
"""How many windows of a day the demo loads."""

QUERY = "select status, count(*) as orders, sum(total) as total from sandbox.orders group by status"

_MAX_ERROR_LINES = 15
"""Lines of Dagster's output, or of an error, that the demo prints of a failure."""


@dataclass(frozen=True)
class Summary:
    """One table after the demo: its rows, its checks, its windows, and the seconds that reading them took."""

    table: str
    rows: int
    passed: int
    checks: int
    windows: str
    seconds: float


def demo_windows(shop: Shop, now: datetime) -> tuple[Window, ...]:
    """Return the newest closed windows before an aware instant, the oldest first."""
    if shop.partitions is None:
        return ()
    return windows_between(shop.partitions, now - timedelta(days=WINDOWS + 2), now)[-WINDOWS:]


def materialize(
    shop: Shop, resources: Sequence[Resource], windows: Sequence[Window], console: Console, log: IO[str]
) -> bool:
    """Run `dagster asset materialize`, and print a line for each step, failure and failed check.

    Args:
        shop: The sandbox shop.
        resources: What to load: windowed resources, or snapshots.
        windows: The windows to load, without a gap; empty for snapshots.
        console: Where the lines go.
        log: Where the whole output of the command goes.

    Returns:
        False when the command failed. The console has the known reasons then.
    """
    keys = ",".join(f"{shop.name}/{resource.name}" for resource in resources)
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-m", MODULE, "--select", keys]
    if windows:
        command += ["--partition-range", f"{windows[0].partition_key}...{windows[-1].partition_key}"]
    # the demo loads the bundled shop, whatever other folder is set
    environment = {name: value for name, value in os.environ.items() if name != "ECOM_SHOPS_DIR"}
    since, started = datetime.now(timezone.utc), time.monotonic()
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    log.write(done.stdout)
    # Dagster loses lines of its output when a step ends quickly; the instance has all events
    with DagsterInstance.get() as instance:
        lines = event_lines(instance, since, time.monotonic() - started)
    for line in lines or done.stdout.splitlines()[-_MAX_ERROR_LINES:]:
        _print_text(console, f"  {line}")
    return done.returncode == 0


def event_lines(instance: DagsterInstance, since: datetime, seconds: float) -> list[str]:
    """Return a line for each step, failure and failed check of recent runs.

    Args:
        instance: Dagster's instance.
        since: Only runs that were created after this instant count; aware.
        seconds: The wall time of the command, for the line of a step that succeeded.
    """
    kinds = {
        DagsterEventType.STEP_SUCCESS,
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    lines = []
    for record in instance.get_run_records(RunsFilter(created_after=since), ascending=True):
        for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
            event = entry.dagster_event
            if event is None:
                continue
            if event.event_type is DagsterEventType.STEP_SUCCESS:
                lines.append(f"{event.step_key}: done, {seconds:.1f} s with Dagster's start")
            elif event.event_type is DagsterEventType.STEP_FAILURE:
                data = event.step_failure_data
                own_text = data.user_failure_data.description if data.user_failure_data else None
                lines += (own_text or str(data.error_display_string)).splitlines()[:_MAX_ERROR_LINES]
            elif not event.asset_check_evaluation_data.passed:
                lines.append(event.message or "")
    return lines


def check_results(instance: DagsterInstance, since: datetime) -> dict[str, dict[str, bool]]:
    """Return whether each check passed in its last run after `since`, by resource and name of the check."""
    results: dict[str, dict[str, bool]] = {}
    for record in instance.get_run_records(RunsFilter(created_after=since), ascending=True):
        run_id = record.dagster_run.run_id
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            if entry.dagster_event is not None:
                result = entry.dagster_event.asset_check_evaluation_data
                results.setdefault(result.asset_key.path[-1], {})[result.check_name] = result.passed
    return results


def summaries(
    shop: Shop, warehouse: Warehouse, results: dict[str, dict[str, bool]], since: datetime
) -> list[Summary]:
    """Return a summary of each table.

    Args:
        shop: The shop that has the tables.
        warehouse: Where the tables and their ledger are.
        results: Whether each check passed, by resource and name of the check.
        since: Ledger rows from this instant on count; aware.
    """
    tables = []
    with warehouse.read(shop.name) as transaction:
        for resource in shop.tables:
            rows = transaction.fetch_value(f'select count(*) from "{resource.name}"')
            first, last, seconds = transaction.execute(
                "select min(partition_key), max(partition_key), sum(seconds) from load_ledger "
                "where resource = ? and loaded_at >= ?",
                [resource.name, since],
            ).fetchall()[0]
            checks = results.get(resource.name, {})
            tables.append(
                Summary(
                    table=f"{shop.name}.{resource.name}",
                    rows=rows,
                    passed=sum(checks.values()),
                    checks=len(checks),
                    windows=f"{first} to {last}" if first else "all",
                    seconds=seconds or 0.0,
                )
            )
    return tables


def print_summaries(tables: Sequence[Summary], console: Console) -> None:
    """Print the summaries as a table."""
    grid = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("table", "rows", "checks\npassed", "windows", "seconds\nof reading"):
        grid.add_column(heading, justify="left" if heading in ("table", "windows") else "right", no_wrap=True)
    for entry in tables:
        grid.add_row(
            entry.table,
            f"{entry.rows:,}",
            f"{entry.passed}/{entry.checks}",
            entry.windows,
            f"{entry.seconds:.1f}",
        )
    console.print(grid)


def print_next_steps(warehouse: Warehouse, console: Console) -> None:
    """Print what to do with a loaded warehouse."""
    command = f'psql "$ECOM_WAREHOUSE" -c "{QUERY}"' if warehouse.kind == "postgres" else QUERY
    # the warehouses that run DuckDB's SQL elsewhere are subclasses
    if type(warehouse) is DuckDbWarehouse:
        path = warehouse.path
        short_path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        code = f"import duckdb; duckdb.connect('{short_path}', read_only=True).sql('{QUERY}').show()"
        command = f'.venv/bin/python -c "{code}"'
    _print_text(console, "What next")
    _print_text(console, "  Look at it:  make ui, then open http://127.0.0.1:3000")
    _print_text(console, f"  Query it:    {command}")
    _print_text(console, "  Your shop:   docs/tutorial.md")


def main() -> int:
    """Run the demo; returns the exit code, 1 for a failed run or a failed blocking check.

    Dagster's instance is in .dagster in the current folder, unless DAGSTER_HOME names another.
    """
    skip_collection_at_exit()
    console = Console()
    home = instance_home()
    os.environ["DAGSTER_HOME"] = str(home)
    make_private_folder(home)
    since, started = datetime.now(timezone.utc), time.monotonic()
    shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    windows = demo_windows(shop, since)
    span = f"{len(windows)} windows, {windows[0].partition_key} to {windows[-1].partition_key}"
    steps: tuple[tuple[str, Sequence[Resource], Sequence[Window]], ...] = (
        ("full refresh", shop.snapshot_resources(), ()),
        (span, shop.windowed_resources(), windows),
    )
    path = home / "demo.log"
    with os.fdopen(create_private(path), "w", encoding="utf-8") as log:
        for title, resources, step_windows in steps:
            _print_text(console, f"{', '.join(resource.name for resource in resources)}: {title}")
            if not materialize(shop, resources, step_windows, console, log):
                _print_text(console, f"The demo failed. All output of Dagster is in {path}")
                return 1
    warehouse = warehouse_from_environment()
    with DagsterInstance.get() as instance:
        results = check_results(instance, since)
    print_summaries(summaries(shop, warehouse, results, since), console)
    _print_text(
        console,
        f"In {warehouse} after {time.monotonic() - started:.0f} s; Dagster's output is in {path}.",
    )
    print_next_steps(warehouse, console)
    return 0


def _print_text(console: Console, text: str) -> None:
    """Print text unchanged: without markup, and without line breaks for a narrow terminal."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
