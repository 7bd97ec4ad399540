"""What has been loaded of a shop, going by its ledger: the figures of `ecom-assets status`.

Runs that failed are not in the ledger; Dagster's UI shows them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecom_assets.contract.cursor_values import cursor_text
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.cursors import current_cursor, read_cursors, typed_by_cursors
from ecom_assets.load.ledger import LEDGER_TABLE
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

BAR = 50
"""Cells of a bar at most; each stands for an equal part of the windows."""

_Window = tuple[str | None, datetime | None]
"""Partition key and end of a window; both None for a snapshot. The end is aware."""

LOADED, PARTLY, MISSING, FAILED = "█", "▒", "·", "!"


@dataclass(frozen=True)
class ResourceStatus:
    """What has been loaded of one table.

    `windows` is the number of closed windows since the declared start, 1 for a snapshot. Each is loaded, missing (it
    was never loaded), or failed (the newest load of it does not add up in the ledger). `rows` is None if the table
    does not exist. `last_load` is aware and in UTC. `bar` goes from the window `first` to the window `last`. `cursor`
    is from where the next load of an open-ended table reads, None for other tables.
    """

    resource: str
    windows: int
    loaded: int
    missing: int
    failed: int
    rows: int | None
    rejected: int
    last_load: datetime | None
    first: str | None
    last: str | None
    bar: str
    cursor: str | None = None


def missing_windows(shop: Shop, warehouse: Warehouse, now: datetime) -> dict[str, tuple[Window, ...] | None]:
    """Return what is to be loaded of each table, going by the ledger: windows, or None for a table as a whole.

    It is what was never loaded, and what does not add up. A table of which nothing is missing is left out.

    Args:
        shop: The declared shop.
        warehouse: Where it is loaded.
        now: An aware instant, which tells the closed windows from the open ones.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    closed = windows_between(shop.partitions, shop.partitions.start, now) if shop.partitions else ()
    found: dict[str, tuple[Window, ...] | None] = {}
    with warehouse.read(shop.name) as transaction:
        tables = transaction.columns_of(shop.name)
        for resource in shop.tables:
            newest = _newest_entries(shop, resource, transaction) if LEDGER_TABLE in tables else {}
            if not resource.windowed:
                if _mark(newest.get((None, None))) != LOADED:
                    found[resource.name] = None
                continue
            windows = tuple(
                window for window in closed if _mark(newest.get((window.partition_key, window.end))) != LOADED
            )
            if windows:
                found[resource.name] = windows
    return found


def status(shop: Shop, warehouse: Warehouse, now: datetime) -> tuple[ResourceStatus, ...]:
    """Return the status of each resource.

    Args:
        shop: The declared shop.
        warehouse: Where it is loaded.
        now: An aware instant, which tells the closed windows from the open ones.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    with warehouse.read(shop.name) as transaction:
        tables = transaction.columns_of(shop.name)
        return tuple(_resource_status(shop, resource, transaction, tables, now) for resource in shop.tables)


def _resource_status(
    shop: Shop,
    resource: Resource,
    transaction: Transaction,
    tables: Collection[str],
    now: datetime,
) -> ResourceStatus:
    """Return the status of one resource; `tables` are the tables that exist."""
    newest = _newest_entries(shop, resource, transaction) if LEDGER_TABLE in tables else {}
    # by its end too: a day and the week that begins with it have the same partition key
    windows: Sequence[_Window] = [(None, None)]
    if resource.windowed and shop.partitions:
        closed = windows_between(shop.partitions, shop.partitions.start, now)
        windows = [(window.partition_key, window.end) for window in closed] or windows
    marks = [_mark(newest.get(window)) for window in windows]
    rows = None
    if resource.name in tables:
        rows = transaction.fetch_value(f'select count(*) from "{shop.name}"."{resource.name}"')
    return ResourceStatus(
        resource=resource.name,
        windows=len(windows),
        loaded=marks.count(LOADED),
        missing=marks.count(MISSING),
        failed=marks.count(FAILED),
        rows=rows,
        rejected=sum(newest[window]["rejected"] for window in windows if window in newest),
        last_load=max((row["loaded_at"] for row in newest.values()), default=None),
        first=windows[0][0],
        last=windows[-1][0],
        bar=bar(marks),
        cursor=_cursor(shop, resource, transaction) if resource.open_ended else None,
    )


def _cursor(shop: Shop, resource: Resource, transaction: Transaction) -> str:
    """Return the cursor from which the next load of an open-ended table reads."""
    cursors = read_cursors(transaction, shop, [resource]).get(resource.name)
    return cursor_text(current_cursor(typed_by_cursors(shop, resource, cursors), resource, cursors))


def _newest_entries(
    shop: Shop, resource: Resource, transaction: Transaction
) -> dict[_Window, dict[str, Any]]:
    """Return the newest ledger row of each window of a resource."""
    cursor = transaction.execute(
        "select partition_key, window_end, source_total, fetched, kept, rejected, loaded_at from (\n"
        "select *, row_number() over (partition by partition_key, window_end order by loaded_at desc) as age\n"
        f'from "{shop.name}"."{LEDGER_TABLE}" where resource = ?\n'
        ") as entries where age = 1",
        [resource.name],
    )
    names = [entry[0] for entry in cursor.description or ()]
    return {row[:2]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _mark(row: Mapping[str, Any] | None) -> str:
    """Return the mark of a window with this newest ledger row."""
    if row is None:
        return MISSING
    adds_up = row["kept"] + row["rejected"] == row["fetched"]
    return LOADED if adds_up and row["source_total"] in (None, row["fetched"]) else FAILED


def bar(marks: Sequence[str]) -> str:
    """Return a bar of at most BAR cells for the marks of windows in order; a cell with one failed window is FAILED."""
    cells = min(len(marks), BAR)
    bar_cells = []
    for cell in range(cells):
        part = set(marks[cell * len(marks) // cells : (cell + 1) * len(marks) // cells])
        bar_cells.append(FAILED if FAILED in part else part.pop() if len(part) == 1 else PARTLY)
    return "".join(bar_cells)
