"""What `ecom-assets discover` prints: what was found, what changed, and which commands come next."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from difflib import unified_diff
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ecom_assets.client.api_connection import open_api
from ecom_assets.declaration.reading import Shop, format_path, load_shop
from ecom_assets.discovery.description.openapi import Description
from ecom_assets.discovery.discover import Discovery, Wish
from ecom_assets.discovery.discover import discover as discovered
from ecom_assets.discovery.exploration.endpoints import find_endpoints
from ecom_assets.discovery.named_endpoint import named
from ecom_assets.discovery.output.files import replace_text
from ecom_assets.discovery.update import Update, update
from ecom_assets.foundation.errors import ApiError, DeclarationError
from ecom_assets.foundation.progress import OnProgress

_out = Console(soft_wrap=True, highlight=False)
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def announce(file: Path, found: Discovery, *, as_json: bool) -> None:
    """Print what a new file holds, and the next three commands."""
    commands = next_commands(file, load_shop(file))
    if as_json:
        print(json.dumps(_as_json(file, found, commands), indent=2, ensure_ascii=False))
        return
    for table in found.draft.tables:
        key = ", ".join(table.key.value)
        if table.found:
            windowed = (
                f"windowed by {table.found.filter.incremental['cursor_path']}"
                if table.found.filter
                else f"for each of {table.asked_by}"
                if table.asked_by
                else "a snapshot"
            )
            kind = f"{windowed}, {table.found.paging.paginator['type']}, {table.found.requests} requests"
        else:
            kind = f"from {'.'.join(table.list_path)} of {table.parent}"
        _out.print(f"{table.name:<20} {len(table.columns):>3} columns, key {key}, {kind}", markup=False)
    for reason in found.failed.values():
        _out.print(f"left out: {reason}", markup=False)
    _out.print(f"\nWritten to {format_path(file)}, with the evidence for each guess. Next:", markup=False)
    for command in commands:
        _out.print(f"  {command}", markup=False)


def _as_json(file: Path, found: Discovery, commands: Sequence[str]) -> dict[str, Any]:
    """Return what was found as values for a script."""
    resources = []
    for table in found.draft.tables:
        entry: dict[str, Any] = {"name": table.name, "primary_key": table.key.value, "why": table.key.why}
        if table.found:
            entry |= {
                "endpoint": table.found.path,
                "paginator": table.found.paging.paginator["type"],
                "total": table.found.total.value if table.found.total else None,
                "incremental": dict(table.found.filter.incremental) if table.found.filter else None,
                "records_seen": len(table.found.records),
                "requests": table.found.requests,
            }
            if table.asked_by:
                entry["asked_by"] = table.asked_by
        else:
            entry["rows_from"] = {"resource": table.parent, "path": ".".join(table.list_path)}
        resources.append({**entry, "columns": len(table.columns), "notes": table.notes})
    return {
        "file": str(file),
        "shop": found.draft.name,
        "requests": found.requests,
        "resources": resources,
        "left_out": dict(found.failed),
        "next": list(commands),
    }


def next_commands(file: Path, shop: Shop) -> list[str]:
    """Return the commands that check the shop, show a table of it, and load one."""
    shown = shlex.quote(format_path(file))
    resource = next(iter(shop.windowed_resources()), shop.resources[0])
    folder = shlex.quote(format_path(file.parent))
    here = os.environ.get("ECOM_SHOPS_DIR")
    prefix = "" if here and Path(here).resolve() == file.parent.resolve() else f"ECOM_SHOPS_DIR={folder} "
    load = (
        f"{prefix}dagster asset materialize -m ecom_assets.definitions --select {shop.name}/{resource.name}"
    )
    if resource.windowed and shop.partitions:
        load += f" --partition {shop.partitions.start:%Y-%m-%d}"
    return [f"ecom-assets check {shown}", f"ecom-assets preview {shown} {resource.name}", load]


def updated(
    file: Path,
    described: Description | None,
    endpoints: Sequence[str],
    requests: int,
    *,
    yes: bool,
    as_json: bool,
    progress: Callable[[], AbstractContextManager[OnProgress]],
) -> None:
    """Show what changed at the API since a file was written, and change the file if that is wanted."""
    shop = load_shop(file)
    text = file.read_text("utf-8-sig")
    with progress() as on_progress:
        added = _new_endpoints(shop, described, endpoints, requests, on_progress)
        found = update(shop, text, added.draft.tables if added else (), on_progress=on_progress)
    if as_json:
        print(
            json.dumps(
                {"file": str(file), "changes": found.changes, "open": found.open},
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        _show(file, text, found)
    if not found.changes:
        return
    if yes or (not as_json and typer.confirm("Change the file?", err=True)):
        replace_text(file, found.text)
        if not as_json:
            _out.print(f"Changed {format_path(file)}.", markup=False)


def _show(file: Path, text: str, found: Update) -> None:
    for reason in found.open:
        _out.print(reason, markup=False, style="yellow")
    if not found.changes:
        _out.print("Nothing that the file says changed at the API.")
    for change in found.changes:
        _out.print(change, markup=False)
    name = format_path(file)
    for line in unified_diff(text.splitlines(), found.text.splitlines(), name, name, lineterm=""):
        _out.print(line, markup=False, style=_COLOURS.get(line[:1], ""))


def _new_endpoints(
    shop: Shop,
    described: Description | None,
    endpoints: Sequence[str],
    requests: int,
    on_progress: OnProgress,
) -> Discovery | None:
    """Explore the endpoints that the file does not have: those named, described, or found at the address."""
    known = {entry.endpoint.path.strip("/") for entry in shop.resources if entry.endpoint}
    paths = list(endpoints) or (list(described.endpoints) if described else [])
    if not paths:
        with open_api(shop) as connection:
            paths = find_endpoints(connection, on_progress)
    new = [path for path in paths if named(path).path.strip("/") not in known]
    if not new:
        return None
    wish = Wish(
        name=shop.name,
        base_url=shop.client.base_url,
        auth=[entry.model_dump(exclude_unset=True) for entry in shop.client.auth],
        endpoints=new,
        allow_http=shop.client.allow_http,
        described=described.endpoints if described else {},
        most_requests=requests,
        taken=[entry.name for entry in shop.resources],
    )
    try:
        return discovered(wish, None, on_progress)
    except (ApiError, DeclarationError) as error:
        if endpoints:
            raise
        on_progress(str(error))
        return None
