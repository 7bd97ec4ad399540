"""What an audit reads again: of each endpoint some closed windows that are loaded, or the whole list."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window, window_at, windows_between
from ecom_assets.load.ledger.audits import Audits, audit_in_force
from ecom_assets.load.ledger.coverage import LoadedTable

_MOST_OPEN_WINDOWS = 50
"""How many windows that are not loaded yet an audit reads, to find records that have left their window."""


@dataclass(frozen=True)
class Selection:
    """What one audit reads of the tables of one endpoint: some windows, or everything."""

    tables: tuple[Resource, ...]
    windows: tuple[Window, ...] = ()


def select_windows(
    tables: Sequence[LoadedTable], audits: Audits, count: int, rng: random.Random
) -> tuple[Window, ...]:
    """Return random windows that are loaded, at most `count`: those first that no audit has compared since."""
    audited: dict[Window, bool] = {}
    for table in tables:
        for window, entry in table.windows.items():
            if window is not None:
                bounds = (window.start, window.end)
                found = audit_in_force(audits, table.resource, bounds, entry.load_id) is not None
                audited[window] = audited.get(window, True) and found
    order = sorted(audited)
    rng.shuffle(order)
    return tuple(sorted(sorted(order, key=lambda window: audited[window])[:count]))


def windows_to_search(
    shop: Shop, table: LoadedTable, after: datetime, now: datetime
) -> tuple[Window, ...] | None:
    """Return the windows from an instant to now that are not loaded: a record that left its window may be there.

    None if there are too many to read them.
    """
    if shop.partitions is None:
        return ()
    closed = [*windows_between(shop.partitions, after, now), window_at(shop.partitions, now)]
    found = tuple(window for window in closed if window not in table.windows and window.start >= after)
    return found if len(found) <= _MOST_OPEN_WINDOWS else None
