"""What has been loaded of a shop, going by its ledger: the figures of `ecom-assets status`.

Runs that failed are not in the ledger; Dagster's UI shows them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ecom_assets.contract.cursor_values import cursor_text
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.ledger.audits import DRIFT, Audits, audit_in_force, newest_audits
from ecom_assets.load.ledger.coverage import (
    FAILED,
    LOADED,
    MISSING,
    PARTLY,
    Coverage,
    LedgerEntry,
    LoadedTable,
    coverage_of,
    loaded_by,
    newest_entries,
    newest_unfiltered_entries,
)
from ecom_assets.load.ledger.cursors import current_cursor, read_cursors, typed_by_cursors
from ecom_assets.load.ledger.rejected_rows import rejected_counts
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

__all__ = ["BAR", "FAILED", "LOADED", "MISSING", "PARTLY", "ResourceStatus", "bar", "status"]

BAR = 50
"""Cells of a bar at most; each stands for an equal part of the windows."""


@dataclass(frozen=True)
class ResourceStatus:
    """What has been loaded of one table.

    `windows` is the number of closed windows since the declared start, 1 for a snapshot. Each is loaded, missing (not
    all of it was ever loaded), or failed (the newest load of a part of it does not add up in the ledger). `partly`
    tells how many of the missing ones are loaded in part, by windows of another cadence or start. `rows` is None if
    the table does not exist. `rejected` counts the rejected rows of these windows, and of
    records that no window brings. `last_load` is aware and in UTC.
    `bar` goes from the window `first` to the window `last`. `loaded_until` is the end of the newest window that is
    loaded, None for tables without windows. `cursor` is from where the next load of an open-ended table
    reads, None for other tables.

    `audited` counts the loaded windows that an audit has compared with the API since their last load, `audited_share`
    is their share of the loaded ones, None if none is loaded. `drifted` counts those in which the audit found drift,
    `drift` the rows that differ in them.
    """

    resource: str
    windows: int
    loaded: int
    missing: int
    partly: int
    failed: int
    rows: int | None
    rejected: int
    last_load: datetime | None
    first: str | None
    last: str | None
    bar: str
    cursor: str | None = None
    loaded_until: datetime | None = None
    audited: int = 0
    audited_share: float | None = None
    drifted: int = 0
    drift: int = 0


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
    if not warehouse.exists():
        return {resource.name: closed if resource.windowed else None for resource in shop.tables}
    found: dict[str, tuple[Window, ...] | None] = {}
    with warehouse.read(shop.name) as transaction:
        tables = transaction.columns_of(shop.name)
        for resource in shop.tables:
            entries = newest_entries(transaction, shop, resource) if LEDGER_TABLE in tables else []
            coverage = coverage_of(entries)
            if not resource.windowed:
                if _mark_without_windows(coverage.in_force) != LOADED:
                    found[resource.name] = None
                continue
            windows = tuple(window for window in closed if coverage.state_of(window) != LOADED)
            if windows:
                found[resource.name] = windows
    return found


def status_before_loads(shop: Shop, now: datetime) -> tuple[ResourceStatus, ...]:
    """Return the status of each resource while there is no warehouse yet: all is missing."""
    return tuple(_resource_status(shop, resource, None, (), (), now) for resource in shop.tables)


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
        audits = newest_audits(transaction, shop, tables)
        found = []
        for resource in shop.tables:
            entries = newest_entries(transaction, shop, resource) if LEDGER_TABLE in tables else []
            audited = _audit_status(audits, loaded_by(entries, shop, resource, now))
            found.append(
                replace(_resource_status(shop, resource, transaction, tables, entries, now), **audited)
            )
        return tuple(found)


def _resource_status(
    shop: Shop,
    resource: Resource,
    transaction: Transaction | None,
    tables: Collection[str],
    entries: Sequence[LedgerEntry],
    now: datetime,
) -> ResourceStatus:
    """Return the status of one resource with its newest entries.

    `tables` are the tables that exist, none without a transaction.
    """
    coverage = coverage_of(entries)
    windows: Sequence[Window] = ()
    if resource.windowed and shop.partitions:
        windows = windows_between(shop.partitions, shop.partitions.start, now)
    marks = [coverage.state_of(window) for window in windows] or [_mark_without_windows(coverage.in_force)]
    rows = None
    if transaction and resource.name in tables:
        rows = transaction.fetch_value(f'select count(*) from "{shop.name}"."{resource.name}"')
    rejected = 0
    if transaction and REJECTED_ROWS_TABLE in tables:
        counted = _entries_of(coverage, windows) if resource.windowed else coverage.in_force
        if LEDGER_TABLE in tables:
            counted = [*counted, *newest_unfiltered_entries(transaction, shop, resource)]
        rejected = sum(rejected_counts(transaction, shop, resource, counted).values())
    return ResourceStatus(
        resource=resource.name,
        windows=len(marks),
        loaded=marks.count(LOADED),
        missing=marks.count(MISSING) + marks.count(PARTLY),
        partly=marks.count(PARTLY),
        failed=marks.count(FAILED),
        rows=rows,
        rejected=rejected,
        last_load=max((entry.loaded_at for entry in entries), default=None),
        first=windows[0].partition_key if windows else None,
        last=windows[-1].partition_key if windows else None,
        bar=bar(marks),
        cursor=_cursor(shop, resource, transaction) if transaction and resource.open_ended else None,
        loaded_until=max(
            (window.end for window, mark in zip(windows, marks, strict=False) if mark == LOADED), default=None
        ),
    )


def _audit_status(audits: Audits, table: LoadedTable) -> dict[str, Any]:
    """Return what audits found in the windows of a table that are loaded, since their last load."""
    found = []
    for window, entry in table.windows.items() if not table.resource.open_ended else ():
        bounds = (window.start, window.end) if window else (None, None)
        if audit := audit_in_force(audits, table.resource, bounds, entry.load_id):
            found.append(audit)
    drifted = [audit for audit in found if audit.outcome == DRIFT]
    return {
        "audited": len(found),
        "audited_share": len(found) / len(table.windows) if table.windows else None,
        "drifted": len(drifted),
        "drift": sum(audit.drift for audit in drifted),
    }


def _cursor(shop: Shop, resource: Resource, transaction: Transaction) -> str:
    """Return the cursor from which the next load of an open-ended table reads."""
    cursors = read_cursors(transaction, shop, [resource]).get(resource.name)
    return cursor_text(current_cursor(typed_by_cursors(shop, resource, cursors), resource, cursors))


def _mark_without_windows(entries: Sequence[LedgerEntry]) -> str:
    """Return the mark of a snapshot, or of a resource of which no window has closed."""
    if not entries or entries[0].start is not None:
        return MISSING
    return LOADED if entries[0].adds_up else FAILED


def _entries_of(coverage: Coverage, windows: Sequence[Window]) -> list[LedgerEntry]:
    """Return the entries that count in the declared windows, which have no gap."""
    if not windows:
        return []
    pieces = coverage.pieces_in(windows[0].start, windows[-1].end)
    return list({id(entry): entry for _, _, entry in pieces}.values())


def bar(marks: Sequence[str]) -> str:
    """Return a bar of at most BAR cells for the marks of windows in order; a cell with one failed window is FAILED."""
    cells = min(len(marks), BAR)
    bar_cells = []
    for cell in range(cells):
        part = set(marks[cell * len(marks) // cells : (cell + 1) * len(marks) // cells])
        bar_cells.append(FAILED if FAILED in part else part.pop() if len(part) == 1 else PARTLY)
    return "".join(bar_cells)
