"""Which time the ledger says is loaded, compared with the windows that are declared now.

A window is an interval, not a partition key: the day and the month that begin with the same midnight have the same key.
After a change of the cadence or the start, the ledger has windows of other bounds than the declaration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ecom_assets.declaration.reading import Partitions, Resource, Shop
from ecom_assets.extract.slices import UNFILTERED
from ecom_assets.extract.windows import Window, window_at, windows_between
from ecom_assets.foundation.intervals import Intervals
from ecom_assets.load.ledger.audits import DRIFT, Audits, newest_audits
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
    entries = _all_newest_entries(transaction, shop, resource)
    if resource.windowed:
        return [entry for entry in entries if entry.start is not None]
    return [entry for entry in entries if entry.start is None and entry.partition_key != UNFILTERED]


def newest_unfiltered_entries(transaction: Transaction, shop: Shop, resource: Resource) -> list[LedgerEntry]:
    """Return the newest load of records that no window brings, none where sweeps load none; the ledger must exist."""
    if not shop.root_of(resource).loads_unfiltered:
        return []
    return [
        entry
        for entry in _all_newest_entries(transaction, shop, resource)
        if entry.partition_key == UNFILTERED
    ]


def _all_newest_entries(transaction: Transaction, shop: Shop, resource: Resource) -> list[LedgerEntry]:
    columns = transaction.columns_of(shop.name)[LEDGER_TABLE]
    rows = transaction.execute(newest_entries_sql(shop, columns), [resource.name]).fetchall()
    return [LedgerEntry(*row) for row in rows]


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


def closed_coverage(entries: Iterable[LedgerEntry]) -> Coverage:
    """Return what entries cover that were loaded after the end of their window. They come newest first."""
    return coverage_of(entry for entry in entries if entry.end is not None and entry.loaded_at >= entry.end)


@dataclass(frozen=True)
class LoadedTable:
    """What the ledger has of a table that can be audited.

    Attributes:
        resource: The table's resource.
        windows: The newest load of each declared window that was loaded after its end; of a table without windows,
            the newest load under None.
        newest: When the newest load of the table had read everything.
    """

    resource: Resource
    windows: Mapping[Window | None, LedgerEntry]
    newest: datetime | None


def loaded_table(
    transaction: Transaction, shop: Shop, resource: Resource, present: Collection[str], now: datetime
) -> LoadedTable:
    """Return what the ledger has of a table; `present` are the tables that exist."""
    entries = newest_entries(transaction, shop, resource) if LEDGER_TABLE in present else []
    return loaded_by(entries, shop, resource, now)


def loaded_by(entries: Sequence[LedgerEntry], shop: Shop, resource: Resource, now: datetime) -> LoadedTable:
    """Return what `loaded_table` returns, given the table's newest entries."""
    newest = entries[0].loaded_at if entries else None
    if not resource.windowed or shop.partitions is None:
        return LoadedTable(resource, {None: entries[0]} if entries and entries[0].adds_up else {}, newest)
    coverage = closed_coverage(entries)
    closed = windows_between(shop.partitions, shop.partitions.start, now)
    return LoadedTable(
        resource,
        {
            window: max(
                (entry for *_, entry in coverage.pieces_in(window.start, window.end)),
                key=lambda entry: (entry.loaded_at, entry.load_id),
            )
            for window in closed
            if coverage.state_of(window) == LOADED
        },
        newest,
    )


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


def drifted_time(
    audits: Audits, resource: Resource, entries: Sequence[LedgerEntry]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows of a resource in which an audit found drift, and that were not loaded again since.

    `entries` are the newest of each window, the newest first.
    """
    for (name, start, end), audit in audits.items():
        if name != resource.name or audit.outcome != DRIFT or start is None or end is None:
            continue
        newest = next(
            (
                entry
                for entry in entries
                if entry.start and entry.end and entry.start < end and entry.end > start
            ),
            None,
        )
        if newest is not None and newest.load_id == audit.load_id:
            yield start, end


def loaded_time(shop: Shop, warehouse: Warehouse) -> dict[str, Intervals] | None:
    """Return the time that is loaded for good of each windowed table, by name; None before the first load.

    A window counts once it was loaded after its end, with figures that add up. If the shop declares that drift is
    repaired, a window in which an audit found drift does not count until it is loaded again.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not warehouse.exists():
        return None
    with warehouse.read(shop.name) as transaction:
        tables = transaction.columns_of(shop.name)
        if LEDGER_TABLE not in tables:
            return None
        found = {}
        audits = newest_audits(transaction, shop, tables) if shop.audit and shop.audit.repair else {}
        for resource in shop.windowed_resources():
            entries = newest_entries(transaction, shop, resource)
            drifted = Intervals(drifted_time(audits, resource, entries))
            found[resource.name] = Intervals(
                part
                for start, end, entry in closed_coverage(entries)._pieces
                if entry.adds_up
                for part in drifted.gaps(start, end)
            )
        return found
