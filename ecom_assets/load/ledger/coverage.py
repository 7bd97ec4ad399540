"""Which time the ledger says is loaded, compared with the windows that are declared now.

A window is an interval, not a partition key: the day and the month that begin with the same midnight have the same key.
After a change of the cadence or the start, the ledger has windows of other bounds than the declaration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ecom_assets.declaration.reading import Partitions, Resource, Shop
from ecom_assets.extract.windows import Window, window_at
from ecom_assets.foundation.intervals import Intervals
from ecom_assets.load.own_tables import LEDGER_TABLE
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

LOADED, PARTLY, MISSING, FAILED = "█", "▒", "·", "!"
"""The states of a window: loaded, loaded in part, never loaded, and loaded with figures that do not add up."""


@dataclass(frozen=True)
class LedgerEntry:
    """One row of the ledger. `start` and `end` are those of its window, None for a snapshot."""

    load_id: str
    partition_key: str | None
    start: datetime | None
    end: datetime | None
    source_total: int | None
    fetched: int
    kept: int
    rejected: int
    loaded_at: datetime
    confirmed_by: str | None = None

    @property
    def adds_up(self) -> bool:
        """Return whether all records are accounted for: kept + rejected = fetched = the API's total."""
        return self.kept + self.rejected == self.fetched and self.source_total in (None, self.fetched)


def newest_entries_sql(shop: Shop, columns: Collection[str]) -> str:
    """Return the SQL of the newest ledger row of each window, the newest first; the resource is its parameter.

    `columns` are those that the ledger has.
    """
    # a ledger of an earlier version has no such column until the next load
    confirmed_by = "confirmed_by" if "confirmed_by" in columns else "null as confirmed_by"
    return (
        "select load_id, partition_key, window_start, window_end, source_total, fetched, kept, rejected, loaded_at, "
        f"{confirmed_by} from (\nselect *, row_number() over (\n"
        "partition by partition_key, window_start, window_end order by loaded_at desc, load_id desc) as age\n"
        f'from "{shop.name}"."{LEDGER_TABLE}" where resource = ?\n'
        ") as entries where age = 1 order by loaded_at desc, load_id desc, window_start"
    )


def newest_entries(transaction: Transaction, shop: Shop, resource: Resource) -> list[LedgerEntry]:
    """Return the newest entry of each window of a resource, the newest first; the ledger must exist.

    A windowed resource has entries with a window only, and a snapshot has those without one: a resource that was
    declared the other way before is not loaded by that.
    """
    columns = transaction.columns_of(shop.name)[LEDGER_TABLE]
    rows = transaction.execute(newest_entries_sql(shop, columns), [resource.name]).fetchall()
    entries = (LedgerEntry(*row) for row in rows)
    return [entry for entry in entries if (entry.start is not None) == resource.windowed]


@dataclass
class Coverage:
    """The time that is loaded of a resource.

    Attributes:
        in_force: The entries of which a part counts, because no newer entry covers all of it; the newest first.
        loaded: The time that any entry covers.
    """

    in_force: list[LedgerEntry] = field(default_factory=list)
    loaded: Intervals = field(default_factory=Intervals)
    _pieces: list[tuple[datetime, datetime, LedgerEntry]] = field(default_factory=list)

    def state_of(self, window: Window) -> str:
        """Return LOADED, PARTLY, MISSING or FAILED."""
        pieces = self.pieces_in(window.start, window.end)
        if any(not entry.adds_up for _, _, entry in pieces):
            return FAILED
        if self.loaded.covers(window.start, window.end):
            return LOADED
        return PARTLY if pieces else MISSING

    def pieces_in(self, start: datetime, end: datetime) -> Sequence[tuple[datetime, datetime, LedgerEntry]]:
        """Return the parts of the time that overlap an interval, each with its newest entry, in order."""
        position = bisect_right(self._pieces, start, key=lambda piece: piece[1])
        found = []
        while position < len(self._pieces) and self._pieces[position][0] < end:
            found.append(self._pieces[position])
            position += 1
        return found

    def windows_in_part(self, partitions: Partitions, now: datetime) -> list[Window]:
        """Return the declared windows that closed before `now` and are loaded in part, in order."""
        windows = {
            window_at(partitions, instant)
            for start, end in self.loaded.parts()
            for instant in (start, end - timedelta(microseconds=1))
        }
        return sorted(
            window
            for window in windows
            if partitions.start <= window.start
            and window.end <= now
            and not self.loaded.covers(window.start, window.end)
        )


def coverage_of(entries: Iterable[LedgerEntry]) -> Coverage:
    """Return what entries cover. They come newest first, so that a later one counts only where no other does."""
    found = Coverage()
    for entry in entries:
        if entry.start is None or entry.end is None:
            if not found.in_force:
                found.in_force.append(entry)
            continue
        parts = found.loaded.add(entry.start, entry.end)
        if parts:
            found.in_force.append(entry)
            found._pieces += [(start, end, entry) for start, end in parts]
    found._pieces.sort(key=lambda piece: piece[0])
    return found


def replaced_entries(entries: Sequence[LedgerEntry], windows: Iterable[Window]) -> Iterator[LedgerEntry]:
    """Yield the entries of which nothing counts any more, once a load has brought `windows`.

    Args:
        entries: All that count so far, the newest first.
        windows: The windows of the load.
    """
    covered = Intervals((window.start, window.end) for window in windows)
    for entry in entries:
        if entry.start is not None and entry.end is not None and not covered.add(entry.start, entry.end):
            yield entry


def loaded_time(shop: Shop, warehouse: Warehouse) -> dict[str, Intervals] | None:
    """Return the time that is loaded for good of each windowed table, by name; None before the first load.

    A window counts once it was loaded after its end, with figures that add up.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not warehouse.exists():
        return None
    with warehouse.read(shop.name) as transaction:
        if LEDGER_TABLE not in transaction.columns_of(shop.name):
            return None
        found = {}
        for resource in shop.windowed_resources():
            entries = newest_entries(transaction, shop, resource)
            closed = [entry for entry in entries if entry.end is not None and entry.loaded_at >= entry.end]
            pieces = coverage_of(closed)._pieces
            found[resource.name] = Intervals((start, end) for start, end, entry in pieces if entry.adds_up)
        return found
