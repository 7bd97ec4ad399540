"""The command `status`: shows which windows of a shop are loaded, from its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.load.ledger.status import ResourceStatus


def status(shop: ShopArgument, as_json: AsJson = False) -> None:
    """Show what the ledger says is loaded: windows, rows, rejected rows, and the last load.

    The bar runs from the first window to the last: █ loaded, ▒ partly loaded, · not loaded yet, ! inconsistent.

    A window is inconsistent if the figures of its newest load do not add up. A run that failed leaves nothing in the
    ledger: its windows are missing, or loaded by an earlier run. Dagster's UI shows failed runs.
    """
    from datetime import datetime, timezone

    from ecom_assets.load.ledger.status import status as load_status
    from ecom_assets.warehouse.choice import warehouse_from_environment

    declared = find_shop(shop)
    resources = load_status(declared, warehouse_from_environment(), datetime.now(timezone.utc))
    if as_json:
        print_json(resources)
    else:
        _print_status(declared.name, resources, Console())


def _print_status(shop: str, resources: Sequence[ResourceStatus], console: Console) -> None:
    """Print the resources as a table, and below it a bar over time for each windowed one."""
    table = Table(
        title=shop, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True
    )
    table.add_column("table", no_wrap=True)
    for heading in ("rows", "rejected", "windows\nloaded", "\nmissing", "incon-\nsistent"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("last load\n(UTC)", no_wrap=True)
    for entry in resources:
        missing = f"{entry.missing} ({entry.partly} in part)" if entry.partly else str(entry.missing)
        windows = [str(entry.loaded), missing] if entry.first else ["", ""]
        table.add_row(
            entry.resource,
            "none" if entry.rows is None else f"{entry.rows:,}",
            f"{entry.rejected:,}",
            *windows,
            str(entry.failed),
            f"{entry.last_load:%Y-%m-%d %H:%M}" if entry.last_load else "never",
        )
    console.print(table)
    for entry in resources:
        if entry.failed:
            count = "1 window is" if entry.failed == 1 else f"{entry.failed} windows are"
            what = f"{count} inconsistent: the" if entry.first else "inconsistent: the"
            line = (
                f" {entry.resource}: {what} figures in the ledger do not add up; "
                f"ecom-assets load {shop} {entry.resource} --missing loads again"
            )
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if entry.cursor is not None:
            line = f" {entry.resource}: the next load reads from {entry.cursor} on"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for entry in resources:
        if entry.audited and entry.audited_share is not None:
            what = (
                f"{entry.audited} loaded windows audited ({entry.audited_share:.0%})"
                if entry.first
                else "audited"
            )
            drift = f"{entry.drift:,} rows differ" + (f" in {entry.drifted} windows" if entry.first else "")
            line = f" {entry.resource}: {what}, {drift if entry.drifted else 'no drift'}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    windowed = [entry for entry in resources if entry.first]
    longest_name = max((len(entry.resource) for entry in windowed), default=0)
    if windowed:
        console.print(f" {'':<{longest_name}}  {windowed[0].first} to {windowed[0].last}", highlight=False)
    for entry in windowed:
        console.print(f" {entry.resource:<{longest_name}}  {entry.bar}", markup=False, highlight=False)
