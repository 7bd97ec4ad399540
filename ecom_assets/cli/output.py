"""How the commands show what they found: rows as a table that fits the terminal, or everything as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.extract.api_check import Finding
    from ecom_assets.load.status import ResourceStatus

_NARROWEST = 8
"""Characters that a column needs, or the rows are shown one below the other."""

_COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow", "limit": "yellow"}


def print_json(value: Any) -> None:
    """Print a value as JSON: dataclasses as objects, decimals as texts, instants as ISO 8601 in UTC."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)


def print_finding(finding: Finding, console: Console) -> None:
    """Print what was found of a resource on one line."""
    colour = _COLOURS[finding.result]
    console.print(f"{finding.resource:<16} {finding.what:<9} [{colour}]{finding.result:<8}[/]", end="")
    console.print(finding.detail, markup=False, highlight=False)


def print_rows(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print rows as a table, or where it would not fit, each row as a list of its columns."""
    if len(names) * (_NARROWEST + 3) <= console.width:
        table = Table(*names, title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in names))
        console.print(table)
        return
    console.print(title, markup=False, highlight=False, style="italic")
    widest = max(map(len, names))
    for number, row in enumerate(rows, 1):
        console.print(f"row {number}", style="bold")
        for name in names:
            line = f"  {name:<{widest}}  {_cell(row.get(name))}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_status(shop: str, found: Sequence[ResourceStatus], console: Console) -> None:
    """Print the status of a shop's resources as a table, and below it a bar over time for each windowed one."""
    table = Table(
        title=shop, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True
    )
    table.add_column("table", no_wrap=True)
    for heading in ("rows", "rejected", "windows\nloaded", "\nmissing", "\nfailed"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("last load\n(UTC)", no_wrap=True)
    for entry in found:
        windows = [entry.loaded, entry.missing, entry.failed] if entry.first else ["", "", entry.failed]
        table.add_row(
            entry.resource,
            "none" if entry.rows is None else f"{entry.rows:,}",
            f"{entry.rejected:,}",
            *map(str, windows),
            f"{entry.last_load:%Y-%m-%d %H:%M}" if entry.last_load else "never",
        )
    console.print(table)
    windowed = [entry for entry in found if entry.first]
    widest = max((len(entry.resource) for entry in windowed), default=0)
    if windowed:
        console.print(f" {'':<{widest}}  {windowed[0].first} to {windowed[0].last}", highlight=False)
    for entry in windowed:
        console.print(f" {entry.resource:<{widest}}  {entry.bar}", markup=False, highlight=False)


def _cell(value: Any) -> str:
    """Return a value on one line; an instant without its offset, which is always UTC."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    return "" if value is None else " ".join(str(value).split(" "))
