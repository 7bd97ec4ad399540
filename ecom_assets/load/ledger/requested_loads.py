"""What a user asks to be loaded: tables and windows become steps, and the reports of the runs become lines.

The command line and Dagster's side of it share this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import KEY_FORMATS, Window, window_of_key, windows_between
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.ledger.coverage import newest_entries
from ecom_assets.load.ledger.status import missing_windows
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.load.report import RunReport
from ecom_assets.warehouse.warehouse import Warehouse

RANGE = "..."
"""Between the first and the last partition key of a range, as in Dagster."""


class RequestError(IngestError):
    """A user asks for something that the shop does not have."""


@dataclass(frozen=True)
class LoadStep:
    """What one run loads: tables, and their windows; no windows for unpartitioned tables."""

    tables: tuple[str, ...]
    windows: tuple[Window, ...] = ()


def requested_steps(
    shop: Shop,
    tables: Sequence[str],
    warehouse: Warehouse,
    now: datetime,
    *,
    window: str | None = None,
    missing: bool = False,
    since: str | None = None,
) -> list[LoadStep]:
    """Return the runs that load what a user asks for, unpartitioned tables first.

    Args:
        shop: The declared shop.
        tables: The tables; none for all of them, or with `window` for all that are windowed.
        warehouse: Where the ledger is, which says what is missing.
        now: An aware instant, which tells the closed windows from the open ones.
        window: The partition key of a window, or two of them with `...` between.
        missing: Whether to leave out what the ledger says is loaded.
        since: The cursor to which open-ended tables are set back.

    Raises:
        DeclarationError: A table is not declared.
        RequestError: The tables do not have what the options ask for.
    """
    chosen = [shop.resource(name) for name in dict.fromkeys(tables)]
    for resource in chosen:
        if not resource.selected:
            raise RequestError(f"TABLE: found {resource.name}, which has no table (selected: false)")
    asked = window_range(shop, window, now) if window else None
    if not chosen:
        chosen = [entry for entry in shop.tables if entry.windowed or asked is None]
    names = {entry.name for entry in chosen}
    chosen = [entry for entry in shop.tables if entry.name in names]
    windowed = [entry.name for entry in chosen if entry.windowed]
    whole = [entry.name for entry in chosen if not entry.windowed]
    if since is not None and not any(entry.open_ended for entry in chosen):
        open_ended = ", ".join(entry.name for entry in shop.tables if entry.open_ended)
        raise RequestError(
            f"--since: found no open-ended table; allowed: {open_ended or f'none, {shop.name} has no such table'}"
        )
    if asked is not None and not windowed:
        raise RequestError(
            f"--window: found tables without windows ({', '.join(whole)}); allowed: no --window"
        )
    if windowed and asked is None and not missing:
        raise RequestError(
            f"--window: found nothing, while tables are loaded by window ({', '.join(windowed)}); allowed: a "
            f"partition key, a range such as 2026-02-01{RANGE}2026-02-07, or --missing"
        )
    if not missing:
        steps = [LoadStep(tuple(whole)), LoadStep(tuple(windowed), asked or ())]
        return [step for step in steps if step.tables]
    left = missing_windows(shop, warehouse, now)
    steps = [LoadStep(tuple(name for name in whole if name in left))]
    by_windows: dict[tuple[Window, ...], list[str]] = {}
    for name in windowed:
        found = tuple(entry for entry in left.get(name) or () if asked is None or entry in asked)
        by_windows.setdefault(found, []).append(name)
    steps += [LoadStep(tuple(found), windows) for windows, found in by_windows.items() if windows]
    return [step for step in steps if step.tables]


def window_range(shop: Shop, text: str, now: datetime) -> tuple[Window, ...]:
    """Return the closed windows of a partition key, or of a range of two.

    Raises:
        RequestError: There is no such window, or it has not closed yet.
    """
    if shop.partitions is None:
        raise RequestError(
            f"--window: found {text!r}, while {shop.name} has no partitions; allowed: no --window"
        )
    first, dots, last = text.partition(RANGE)
    closed = windows_between(shop.partitions, shop.partitions.start, now)
    starts = {entry.partition_key for entry in closed}
    for key in (first, last) if dots else (first,):
        if key not in starts:
            allowed = (
                f"{closed[0].partition_key} to {closed[-1].partition_key}" if closed else "none has closed"
            )
            raise RequestError(
                f"--window: found {key!r}; allowed: the start of a closed {shop.partitions.every}, written as "
                f"{KEY_FORMATS[shop.partitions.every]}: {allowed}{'' if dots else f', or a range A{RANGE}B'}"
            )
    keys = [entry.partition_key for entry in closed]
    found = closed[keys.index(first) : keys.index(last if dots else first) + 1]
    if not found:
        raise RequestError(f"--window: found {text!r}; allowed: a range that starts before it ends")
    return found


def windows_of_keys(shop: Shop, keys: Sequence[str]) -> tuple[Window, ...]:
    """Return the windows with these partition keys."""
    if shop.partitions is None:
        return ()
    return tuple(window_of_key(shop.partitions, key) for key in keys)


Loads: TypeAlias = Mapping[tuple[str, datetime | None, datetime | None], str]
"""The ids of the newest loads by table, start and end of the window; tables without windows have None there."""


def newest_loads(shop: Shop, warehouse: Warehouse, steps: Sequence[LoadStep]) -> Loads:
    """Return the newest load of each window of the tables of steps, going by the ledger.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not warehouse.exists():
        return {}
    with warehouse.read(shop.name) as transaction:
        if LEDGER_TABLE not in transaction.columns_of(shop.name):
            return {}
        return {
            (name, entry.start, entry.end): entry.load_id
            for name in {name for step in steps for name in step.tables}
            for entry in reversed(newest_entries(transaction, shop, shop.resource(name)))
        }


def interruption_line(steps: Sequence[LoadStep], before: Loads, after: Loads) -> str:
    """Return what an interrupted command has loaded and what it has not, in one line.

    Args:
        steps: What it was asked for.
        before: The newest loads when it began.
        after: The newest loads now.
    """
    loaded: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {}
    for step in steps:
        for name in step.tables:
            for window in step.windows or (None,):
                key = (name, window.start, window.end) if window else (name, None, None)
                found = loaded if after.get(key) != before.get(key) else left
                found.setdefault(name, []).extend([window.partition_key] if window else [])
    return f"loaded: {_in_words(loaded)}; not loaded: {_in_words(left)}"


def _in_words(windows: Mapping[str, Sequence[str]]) -> str:
    """Return tables with their windows, such as `stores, orders (2 windows, 2026-02-01 to 2026-02-02)`."""
    texts = [f"{name} ({_windows_text(keys)})" if keys else name for name, keys in windows.items()]
    return ", ".join(texts) or "nothing"


def _windows_text(keys: Sequence[str]) -> str:
    return f"{len(keys)} windows, {keys[0]} to {keys[-1]}"


def report_lines(report: RunReport) -> Iterator[str]:
    """Yield a line for each table of a run that was loaded."""
    for name, entry in report.resources.items():
        if entry.error is not None:
            continue
        kept, rejected = (
            sum(getattr(window, figure) for window in entry.windows) for figure in ("kept", "rejected")
        )
        keys = [window.partition_key for window in entry.windows if window.partition_key]
        part = f" in {_windows_text(keys)}" if keys else ""
        cursor = entry.windows[0].cursor_to if entry.windows else None
        reached = f"; the next load reads from {cursor} on" if cursor is not None else ""
        yield f"{name}: {kept:,} rows loaded, {rejected:,} rejected{part}{reached}"
