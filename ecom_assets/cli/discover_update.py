"""Runs `ecom-assets discover --update`: shows what changed at an API, and changes the file if the user agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from difflib import unified_diff
from pathlib import Path

import typer
from rich.console import Console

from ecom_assets.cli.discover_location import locate
from ecom_assets.cli.json_output import print_json
from ecom_assets.client.api_connection import open_api
from ecom_assets.declaration.reading import Shop, format_path, load_shop
from ecom_assets.discovery.description.openapi import ApiDescription
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.endpoint_argument import parse_endpoint
from ecom_assets.discovery.exploration.endpoint_search import find_endpoints
from ecom_assets.discovery.output.files import replace_text
from ecom_assets.discovery.update import Update, update
from ecom_assets.discovery.verification import load_text
from ecom_assets.foundation.errors import ApiError, DeclarationError, WarehouseError
from ecom_assets.foundation.progress import OnProgress

_out = Console(soft_wrap=True, highlight=False)
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def update_file(
    file: Path,
    described: ApiDescription | None,
    endpoints: Sequence[str],
    max_requests: int,
    variables: Mapping[str, str],
    *,
    yes: bool,
    as_json: bool,
    progress: Callable[[], AbstractContextManager[OnProgress]],
) -> None:
    """Show what changed at the API since a file was written, and change the file if the user agrees.

    Args:
        file: The declaration.
        described: A description of the API, if there is one.
        endpoints: The endpoints that the user names; those that the file has already are skipped.
        max_requests: How many requests a new endpoint may get.
        variables: The values of names in braces in the described addresses and paths.
        yes: Change the file without a question.
        as_json: Print JSON; without `yes` the file stays as it is then.
        progress: Shows lines of progress.
    """
    shop = load_shop(file)
    text = file.read_text("utf-8-sig")
    if described:
        described, _ = locate(described, shop.client.base_url, variables, yes=yes or as_json)
    with progress() as on_progress:
        added = _discover_new_endpoints(shop, described, endpoints, max_requests, on_progress)
        result = update(shop, text, added.draft.tables if added else (), on_progress=on_progress)
        if result.changes:
            result.unresolved += _refusals(load_text(result.text, shop.name, file))
    if as_json:
        print_json({"file": str(file), "changes": result.changes, "open": result.unresolved})
    else:
        _print_update(file, text, result)
    if not result.changes:
        return
    if yes or (not as_json and typer.confirm("Change the file?", err=True)):
        replace_text(file, result.text)
        if not as_json:
            _out.print(f"Changed {format_path(file)}.", markup=False)


def _refusals(shop: Shop) -> list[str]:
    """Return what the next load will refuse, because stored values do not fit the new declaration."""
    from ecom_assets.load.schema_changes.diff import REFUSED, diff
    from ecom_assets.warehouse.choice import warehouse_from_environment

    try:
        tables = diff(shop, warehouse_from_environment())
    except WarehouseError as error:
        return [f"not compared with the tables in the warehouse: {error}"]
    return [
        f"with this file, the next load refuses {table.reason}" for table in tables if table.state == REFUSED
    ]


def _print_update(file: Path, text: str, result: Update) -> None:
    for reason in result.unresolved:
        _out.print(reason, markup=False, style="yellow")
    if not result.changes:
        _out.print("Nothing changed: the file agrees with the API.")
    for change in result.changes:
        _out.print(change, markup=False)
    name = format_path(file)
    for line in unified_diff(text.splitlines(), result.text.splitlines(), name, name, lineterm=""):
        _out.print(line, markup=False, style=_COLOURS.get(line[:1], ""))


def _discover_new_endpoints(
    shop: Shop,
    described: ApiDescription | None,
    endpoints: Sequence[str],
    max_requests: int,
    on_progress: OnProgress,
) -> Discovery | None:
    """Explore the endpoints that the file does not have: named by the user, described, or found at the address."""
    declared = {entry.endpoint.path.strip("/") for entry in shop.resources if entry.endpoint}
    texts = list(endpoints) or ([guess.endpoint for guess in described.collections] if described else [])
    if not texts:
        with open_api(shop) as connection:
            texts = find_endpoints(connection, on_progress)
    new = [text for text in texts if parse_endpoint(text).path.strip("/") not in declared]
    if not new:
        return None
    options = DiscoveryOptions(
        name=shop.name,
        base_url=shop.client.base_url,
        auth=[entry.model_dump(exclude_unset=True) for entry in shop.client.auth],
        endpoints=new,
        allow_http=shop.client.allow_http,
        described=described.endpoints if described else {},
        max_requests=max_requests,
        taken=[entry.name for entry in shop.resources],
        file=shop.file,
    )
    try:
        return discover(options, None, on_progress)
    except (ApiError, DeclarationError) as error:
        if endpoints:
            raise
        on_progress(str(error))
        return None
