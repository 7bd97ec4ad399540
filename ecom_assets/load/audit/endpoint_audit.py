"""The audit of the tables of one endpoint: one reading, by the code of a load, and one comparison with each table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import IngestError, ListMoved
from ecom_assets.load.audit.comparison import Comparison, keys_read
from ecom_assets.load.audit.differences import EXAMPLES, Differences, Key
from ecom_assets.load.audit.report import WindowAudit
from ecom_assets.load.audit.rows import ComparedTable
from ecom_assets.load.audit.selection import Selection, windows_to_search
from ecom_assets.load.column_types import infer_types
from ecom_assets.load.ledger.audits import DRIFT, EQUAL, FAILED, MOVED
from ecom_assets.load.ledger.coverage import LedgerEntry, LoadedTable, loaded_table
from ecom_assets.load.plan import plan_load, without_tables
from ecom_assets.load.read import Reading, read_verify_and_contract
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.warehouse_state import read_warehouse_state


@dataclass
class _Found:
    """What was found in one window of a table; `undecided` says why some rows are not judged."""

    table: LoadedTable
    window: Window | None
    differences: Differences
    undecided: str = ""


def audit_endpoint(context: RunContext, shop: Shop, selection: Selection, now: datetime) -> list[WindowAudit]:
    """Read windows, or everything, of one endpoint again, and compare its tables with that.

    Args:
        context: The open API, the warehouse, and a pipeline whose packages are never loaded.
        shop: The declared shop.
        selection: The tables and the windows.
        now: When the audit began, in UTC.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    tables = [resource.name for resource in selection.tables]
    before = _read_ledger(context, shop, selection.tables, now)
    reading = _read(context, shop, tables, selection.windows)
    audits: list[WindowAudit] = []
    found: list[_Found] = []
    by_name = {table.metrics.resource.name: table for table in reading.tables}
    with context.warehouse.read(shop.name, context.on_progress) as transaction:
        present = transaction.columns_of(shop.name)
        for name, table in before.items():
            after = loaded_table(transaction, shop, table.resource, present, now)
            windows = _windows_of(table, selection.windows)
            if name not in by_name:
                audits += [_failed(table, window, reading.failures[name]) for window in windows]
                continue
            failed = by_name[name].failed_windows
            left = []
            for window in windows:
                if window and window.partition_key in failed:
                    audits.append(_failed(table, window, failed[window.partition_key]))
                elif table.windows[window] != after.windows.get(window):
                    audits.append(_moved(table, window, "another load wrote it meanwhile"))
                else:
                    left.append(window)
            typed = reading.plan.shop
            compared = ComparedTable(
                typed, typed.resource(name), by_name[name].columns, present.get(name, {})
            )
            if missing := compared.missing_columns:
                reason = (
                    f"the table has no column {', '.join(missing)} yet; ecom-assets diff {shop.name} says why"
                )
                audits += [_failed(table, window, IngestError(reason)) for window in left]
            elif left:
                root = _root_table(reading, present)
                loads_meanwhile = table.newest != after.newest
                comparison = Comparison(
                    transaction, context.pipeline, compared, by_name[name], loads_meanwhile, root
                )
                differences = comparison.differences([window for window in left if window])
                found += [_Found(table, window, differences[window]) for window in left]
    _search_later_windows(context, shop, found, now)
    audits += [_compared(shop, entry) for entry in found]
    return sorted(audits, key=lambda entry: (tables.index(entry.resource), entry.partition_key or ""))


def _read_ledger(
    context: RunContext, shop: Shop, tables: Sequence[Resource], now: datetime
) -> dict[str, LoadedTable]:
    """Return what the ledger has of tables before the first request."""
    with context.warehouse.read(shop.name, context.on_progress) as transaction:
        present = transaction.columns_of(shop.name)
        return {table.name: loaded_table(transaction, shop, table, present, now) for table in tables}


def _windows_of(table: LoadedTable, windows: Sequence[Window]) -> list[Window | None]:
    """Return those of some windows that are loaded of a table; None alone for a table without windows."""
    return [window for window in windows or (None,) if window in table.windows]


def _read(context: RunContext, shop: Shop, names: Collection[str], windows: Sequence[Window]) -> Reading:
    """Read tables as a load does, up to the packages that a load would commit."""
    plan = plan_load(shop, names, windows)
    state = read_warehouse_state(context, plan)
    plan, failures = infer_types(context, without_tables(plan, state.refused), state.columns, state.empty)
    reading = read_verify_and_contract(context, plan, state.columns, state.filled)
    return replace(reading, failures={**state.refused, **failures, **reading.failures})


def _root_table(reading: Reading, present: Mapping[str, Collection[str]]) -> ComparedTable | None:
    """Return the table of the root of the endpoint that was read, None if the warehouse has none."""
    shop = reading.plan.shop
    root = shop.root_of(reading.plan.resources[0])
    columns = {*root.primary_key, *([root.cursor.name] if root.cursor else [])}
    if not root.cursor or not columns <= set(present.get(root.name, ())):
        return None
    return ComparedTable(shop, root, root.columns, present[root.name])


def _search_later_windows(context: RunContext, shop: Shop, found: Sequence[_Found], now: datetime) -> None:
    """Look for rows that only the table has in the windows that are not loaded yet.

    A record that changes leaves its window for a later one. Until that one is loaded, the table rightly has its former
    state.
    """
    moving = [
        entry
        for entry in found
        if entry.window and entry.differences.surplus and entry.table.resource.parent is None
    ]
    if not moving:
        return
    table = moving[0].table
    windows = windows_to_search(shop, table, min(entry.window.end for entry in moving if entry.window), now)
    problem, keys = "", set[Key]()
    if windows is None:
        problem = f"too many later windows are not loaded: ecom-assets load {shop.name} --missing"
    elif windows:
        context.on_progress(
            f"{table.resource.name}: looking for records that left their window in {len(windows)} later windows"
        )
        reading = _read(context, shop, [table.resource.name], windows)
        for read in reading.tables:
            compared = ComparedTable(reading.plan.shop, read.metrics.resource, read.columns, ())
            keys = keys_read(compared, context.pipeline, read)
            problem = "; ".join(map(str, read.failed_windows.values()))
        problem = problem or "; ".join(map(str, reading.failures.values()))
    for entry in moving:
        left = [key for key in entry.differences.surplus if key not in keys]
        if left and problem:
            entry.undecided = (
                f"{len(left)} rows of the table are no longer in this window, and whether they moved to a later one "
                f"is unknown: {problem}"
            )
        entry.differences.surplus = [] if problem else left


def _compared(shop: Shop, found: _Found) -> WindowAudit:
    """Return the audit of a window that was compared."""
    table, differences = found.table, found.differences
    audit = replace(
        _window_audit(table, found.window, EQUAL),
        compared=differences.compared,
        missing=len(differences.missing),
        stale=len(differences.stale),
        surplus=len(differences.surplus),
        columns=dict(differences.columns.most_common()),
        examples=_examples(table.resource, differences),
    )
    if differences.count:
        return replace(
            audit, outcome=DRIFT, reason=found.undecided or _advice(shop, table.resource, differences)
        )
    if found.undecided:
        return replace(audit, outcome=FAILED, reason=found.undecided)
    if differences.moved:
        return replace(
            audit, outcome=MOVED, reason=f"other loads wrote {differences.moved} of its records meanwhile"
        )
    return audit


def _advice(shop: Shop, resource: Resource, differences: Differences) -> str:
    """Return what removes drift that loading again cannot."""
    if not differences.surplus or resource.write_disposition != "merge" or resource.parent:
        return ""
    if resource.deletes and resource.deletes.by:
        return "a sweep marks rows that the API no longer has"
    return "loading again keeps rows that the API no longer has; declare deletes: sweep to mark them"


def _examples(resource: Resource, differences: Differences) -> dict[str, tuple[str, ...]]:
    """Return some keys of each kind of difference; none if the key is personal data."""
    if any(resource.column(name).pii for name in resource.primary_key):
        return {}
    kinds = {"missing": differences.missing, "stale": differences.stale, "surplus": differences.surplus}
    return {
        kind: tuple(", ".join(map(str, key)) for key in keys[:EXAMPLES] if key)
        for kind, keys in kinds.items()
        if keys
    }


def _moved(table: LoadedTable, window: Window | None, reason: str) -> WindowAudit:
    return replace(_window_audit(table, window, MOVED), reason=reason)


def _failed(table: LoadedTable, window: Window | None, error: IngestError) -> WindowAudit:
    """Return the audit of a window that could not be read; a list that changed each time has moved."""
    outcome = MOVED if isinstance(error, ListMoved) else FAILED
    return replace(_window_audit(table, window, outcome), reason=str(error))


def _window_audit(table: LoadedTable, window: Window | None, outcome: str) -> WindowAudit:
    entry: LedgerEntry = table.windows[window]
    return WindowAudit(
        table.resource.name,
        window.partition_key if window else None,
        window.start if window else None,
        window.end if window else None,
        outcome,
        entry.load_id,
        entry.loaded_at,
    )
