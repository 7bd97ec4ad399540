"""Prints what `ecom-assets discover` wrote into a new file, and the commands to run next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ecom_assets.cli.json_output import print_json
from ecom_assets.declaration.reading import Shop, format_path, load_shop, names_shops_dir, shops_dir
from ecom_assets.discovery.discover import Discovery
from ecom_assets.discovery.output.guesses import assumed_places, guesses_of
from ecom_assets.discovery.tables.table_draft import TableDraft


def print_summary(file: Path, discovery: Discovery, *, as_json: bool) -> None:
    """Print the tables of a new file, and the next three commands."""
    commands = next_commands(file, load_shop(file))
    if as_json:
        print_json(_summary(file, discovery, commands))
        return
    console = Console(soft_wrap=True, highlight=False)
    for table in discovery.draft.tables:
        console.print(_table_line(table), markup=False)
        for note in table.notes:
            console.print(f"  {note}", markup=False)
    for line in _assumed_lines(discovery.draft.tables):
        console.print(line, markup=False)
    for reason in discovery.failed.values():
        console.print(f"left out: {reason}", markup=False)
    console.print(f"\nWritten to {format_path(file)}, with the evidence for each guess. Next:", markup=False)
    for command in commands:
        console.print(f"  {command}", markup=False)


def _assumed_lines(tables: Sequence[TableDraft]) -> list[str]:
    """Return the guesses that nothing shows, each in one line with its tables."""
    names: dict[str, list[str]] = {}
    for table in tables:
        for place in assumed_places(table):
            names.setdefault(place, []).append(table.name)
    lines = [
        f"  {place}: {'all tables' if len(tables) == len(of) > 1 else ', '.join(of)}"
        for place, of in names.items()
    ]
    return ["\nassumed, neither seen nor described:", *lines] if lines else []


def _table_line(table: TableDraft) -> str:
    """Return one line with the columns, the key and the source of a table."""
    if table.endpoint:
        if table.endpoint.time_filter:
            loading = f"windowed by {table.endpoint.time_filter.incremental['cursor_path']}"
        else:
            loading = f"for each of {table.parent_endpoint}" if table.parent_endpoint else "a snapshot"
        paginator = table.endpoint.paging.paginator["type"]
        source = f"{loading}, {paginator}, {table.endpoint.requests} requests"
    else:
        source = f"from {'.'.join(table.list_path)} of {table.parent}"
    return f"{table.name:<20} {len(table.columns):>3} columns, key {', '.join(table.key.value)}, {source}"


def _summary(file: Path, discovery: Discovery, commands: Sequence[str]) -> dict[str, Any]:
    """Return the summary as values for a script."""
    resources = []
    for table in discovery.draft.tables:
        entry: dict[str, Any] = {
            "name": table.name,
            "primary_key": table.key.value,
            "why": str(table.key.evidence),
        }
        endpoint = table.endpoint
        if endpoint:
            entry |= {
                "endpoint": endpoint.path,
                "paginator": endpoint.paging.paginator["type"],
                "total": endpoint.total.value if endpoint.total else None,
                "incremental": dict(endpoint.time_filter.incremental) if endpoint.time_filter else None,
                "records_seen": len(endpoint.records),
                "requests": endpoint.requests,
            }
            if table.parent_endpoint:
                entry["asked_by"] = table.parent_endpoint
        else:
            entry["rows_from"] = {"resource": table.parent, "path": ".".join(table.list_path)}
        evidence = {place: {"level": level, "evidence": text} for place, level, text in guesses_of(table)}
        columns = len(table.columns)
        resources.append({**entry, "columns": columns, "notes": table.notes, "guesses": evidence})
    return {
        "file": str(file),
        "shop": discovery.draft.name,
        "requests": discovery.requests,
        "resources": resources,
        "left_out": dict(discovery.failed),
        "notes": discovery.draft.notes,
        "next": list(commands),
    }


def next_commands(file: Path, shop: Shop) -> list[str]:
    """Return the commands that check the shop, show a table of it, and load that table."""
    shown_file = shlex.quote(format_path(file))
    resource = next(iter(shop.windowed_resources()), shop.tables[0])
    folder = shlex.quote(format_path(file.parent))
    in_shops_dir = names_shops_dir() and shops_dir().resolve() == file.parent.resolve()
    prefix = "" if in_shops_dir else f"ECOM_SHOPS_DIR={folder} "
    load = (
        f"{prefix}dagster asset materialize -m ecom_assets.definitions --select {shop.name}/{resource.name}"
    )
    if resource.windowed and shop.partitions:
        load += f" --partition {shop.partitions.start:%Y-%m-%d}"
    return [f"ecom-assets check {shown_file}", f"ecom-assets preview {shown_file} {resource.name}", load]
