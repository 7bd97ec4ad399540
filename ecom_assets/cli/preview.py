"""The command `preview`: shows the first rows of a table as a load would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ecom_assets.cli.arguments import AsJson, ShopArgument, find_shop
from ecom_assets.cli.json_output import print_json

if TYPE_CHECKING:  # or --help would wait for dlt
    from ecom_assets.declaration.reading import Shop
    from ecom_assets.extract.windows import Window

_MIN_COLUMN_WIDTH = 8
"""Characters that each column needs; where they do not fit, each row becomes a list of its columns."""


def preview(
    shop: ShopArgument,
    resource: Annotated[str, typer.Argument(help="The name of a resource.")],
    limit: Annotated[int, typer.Option(min=1, help="How many records to request.")] = 10,
    window: Annotated[
        str | None,
        typer.Option(help="The partition key of a window. Default: the first records of the API."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the first rows of a table as a load would write them, and the rows that it would reject.

    Nothing is written.
    """
    from ecom_assets.contract.nested_values import explode
    from ecom_assets.contract.sample import sample_contract
    from ecom_assets.extract.probe import open_probe

    declared = find_shop(shop)
    entry = declared.resource(resource)
    parent = declared.parent_of(entry)
    bounds = _find_window(declared, parent.name, window) if window else None
    with open_probe(declared) as probe:
        found = probe.records(parent, (bounds.start, bounds.end) if bounds else None, limit=limit)
    records = found[:limit]
    rows = records if entry.endpoint else explode(records, entry, parent)[0]
    result = sample_contract(declared, entry, rows).apply(rows)
    if as_json:
        print_json({"rows": result.kept.to_pylist(), "rejected": result.rejected})
        return
    names = result.kept.column_names
    _print_rows(f"{declared.name}.{entry.name}", names, result.kept.to_pylist(), Console())
    console = Console(soft_wrap=True)
    console.print(f"{result.kept.num_rows} rows kept, {len(result.rejected)} rejected")
    for rejected in result.rejected:
        console.print(f"rejected {rejected.primary_key or '?'}: {'; '.join(rejected.reasons)}", markup=False)


def _find_window(shop: Shop, resource: str, key: str) -> Window:
    """Return the window with a partition key. Raises IngestError where there is none."""
    from ecom_assets.extract.windows import KEY_FORMATS, window_at
    from ecom_assets.foundation.errors import IngestError

    if shop.partitions is None or not shop.resource(resource).windowed:
        kind = "open-ended" if shop.resource(resource).open_ended else "a snapshot"
        raise IngestError(f"--window: {resource} is {kind}, it has no windows")
    key_format = KEY_FORMATS[shop.partitions.every]
    try:
        instant = datetime.strptime(key, key_format).replace(tzinfo=timezone.utc)
    except ValueError:
        instant = None
    window = window_at(shop.partitions, instant) if instant else None
    if window is None or window.partition_key != key:
        raise IngestError(
            f"--window: found {key!r}; allowed: the start of a {shop.partitions.every}, written as {key_format}"
        )
    newest = window_at(shop.partitions, datetime.now(timezone.utc))
    first = window_at(shop.partitions, shop.partitions.start)
    if first.start < shop.partitions.start:
        first = window_at(shop.partitions, first.end)
    if not first.start <= window.start <= newest.start:
        raise IngestError(
            f"--window: found {key!r}; allowed: {first.partition_key} to {newest.partition_key}, "
            "by partitions.start of the declaration and by now"
        )
    return window


def _print_rows(
    title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]], console: Console
) -> None:
    """Print rows as a table, or where it does not fit the terminal, each row as a list of its columns."""
    if len(names) * (_MIN_COLUMN_WIDTH + 3) <= console.width:
        table = Table(*names, title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*(_cell_text(row.get(name)) for name in names))
        console.print(table)
        return
    console.print(title, markup=False, highlight=False, style="italic")
    longest_name = max(map(len, names))
    for number, row in enumerate(rows, 1):
        console.print(f"row {number}", style="bold")
        for name in names:
            line = f"  {name:<{longest_name}}  {_cell_text(row.get(name))}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cell_text(value: Any) -> str:
    """Return a value on one line; instants are always in UTC, so their offset is left out."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    return "" if value is None else " ".join(str(value).split(" "))
