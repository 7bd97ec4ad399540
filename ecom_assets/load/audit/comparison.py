"""What one reading of a table is compared with: window by window, root record by root record, or as a whole."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dlt

from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.windows import Window
from ecom_assets.load.audit.differences import Differences, Key, Row, by_key, compare_counted, compare_keyed
from ecom_assets.load.audit.rows import ComparedTable
from ecom_assets.load.dispositions.cursor_ranges import merge_intervals, range_condition
from ecom_assets.load.read import TableReading
from ecom_assets.warehouse.transaction import Transaction

NO_LONGER_VALID = "the contract"
"""Stands for a column, where the API has the record of a row, and the record breaks its contract now."""


@dataclass(frozen=True)
class Comparison:
    """A table, what was read for it, and the transaction in which it is compared.

    `loads_meanwhile` tells whether other loads wrote the table since the audit began. `root` is the table of the
    root's records; None if the warehouse has none.
    """

    transaction: Transaction
    pipeline: dlt.Pipeline
    table: ComparedTable
    reading: TableReading
    loads_meanwhile: bool = False
    root: ComparedTable | None = None

    @property
    def metrics(self) -> LoadMetrics:
        """Return what was counted while the table was read."""
        return self.reading.metrics

    def differences(self, windows: Sequence[Window]) -> dict[Window | None, Differences]:
        """Return the differences of each window; under None those of a table without windows."""
        found: dict[Window | None, Differences]
        if not windows:
            found = {None: self._of_roots([])[None] if self._goes_with_roots else self._of_whole_table()}
        elif self.table.resource.parent is not None:
            found = self._of_roots(windows)
        else:
            found = self._of_windows(windows)
        rejected = {entry.primary_key for _, entry in self.metrics.rejected_rows if entry.primary_key}
        for differences in found.values():
            _move_rejected(differences, rejected)
        return found

    @property
    def _goes_with_roots(self) -> bool:
        resource = self.table.resource
        return resource.parent is not None and resource.write_disposition == "merge"

    def _of_windows(self, windows: Sequence[Window]) -> dict[Window | None, Differences]:
        """Compare a table that has the cursor: the rows of a window are those with their cursor in it."""
        table, resource = self.table, self.table.resource
        window_of = _finder(windows)
        read: dict[Window, list[Row]] = {window: [] for window in windows}
        for row, instant, _ in table.read_rows(self.pipeline, self.reading):
            if window := window_of(instant):
                read[window].append(row)
        stored: dict[Window, list[Row]] = {window: [] for window in windows}
        spans = merge_intervals((window.start, window.end) for window in windows)
        condition, parameters = range_condition(table.shop, resource, spans)
        for row, instant, _ in table.stored_rows(self.transaction, condition, parameters):
            if window := window_of(instant):
                stored[window].append(row)
        if not resource.primary_key:
            return {window: compare_counted(read[window], stored[window]) for window in windows}
        all_read = by_key(row for rows in read.values() for row in rows)
        there = by_key(row for rows in stored.values() for row in rows)
        elsewhere = [key for key in all_read if key not in there]
        there |= by_key(row for row, *_ in table.rows_of_keys(self.transaction, table.key, elsewhere))
        found: dict[Window | None, Differences] = {}
        for window in windows:
            own = {key: row for key, row in by_key(read[window]).items() if all_read[key] is row}
            known = {key: there[key] for key in own if key in there}
            differences = compare_keyed(
                own,
                known | by_key(row for row in stored[window] if row.key not in known),
                version=resource.cursor.name if resource.cursor else None,
                keys_only=resource.write_disposition == "append",
                loads_meanwhile=self.loads_meanwhile,
            )
            differences.surplus = [key for key in differences.surplus if key not in all_read]
            if resource.loads_unfiltered:
                # such a row may be of a record that no window brings: a sweep tells whether it is gone
                differences.surplus = []
            found[window] = differences
        return found

    def _of_roots(self, windows: Sequence[Window]) -> dict[Window | None, Differences]:
        """Compare the rows of a nested list or a child by the root records that were read."""
        table = self.table
        windows_of_roots = self._windows_of_roots(windows)
        found: dict[Window | None, Differences] = {window: Differences() for window in windows or (None,)}
        for root in self._moved_roots(windows_of_roots):
            found[windows_of_roots.pop(root)].moved += 1
        read = _by_root(table.read_rows(self.pipeline, self.reading), windows_of_roots)
        stored = _by_root(
            table.rows_of_keys(self.transaction, list(table.root_key), windows_of_roots), windows_of_roots
        )
        for root, window in windows_of_roots.items():
            found[window].add(self._compare(read[root], stored[root]))
        return found

    def _windows_of_roots(self, windows: Sequence[Window]) -> dict[Key, Window | None]:
        """Return the window of each root record of which the rows were read, by the key in the table's columns."""
        table = self.table
        wanted = {
            key
            for part in self.metrics.root_keys
            for key in zip(*(part.column(name).to_pylist() for name in table.root_key), strict=True)
        }
        if not windows:
            return dict.fromkeys(wanted)
        cursor = table.shop.root_of(table.resource).cursor
        window_of = _finder(windows)
        latest: dict[Key, datetime] = {}
        for states in self.metrics.root_states if cursor else ():
            keys = zip(*(states.column(name).to_pylist() for name in table.root_key.values()), strict=True)
            for key, instant in zip(
                keys, table.instants(states.column(cursor.name).to_pylist() if cursor else ()), strict=True
            ):
                if instant is not None and key in wanted and (key not in latest or instant > latest[key]):
                    latest[key] = instant
        return {key: window for key, instant in latest.items() if (window := window_of(instant))}

    def _moved_roots(self, roots: Mapping[Key, Window | None]) -> list[Key]:
        """Return the root records that other loads wrote since the audit began: their rows may be newer."""
        if not self.loads_meanwhile:
            return []
        if self.root is None:
            return list(roots)
        instants: dict[Key, datetime] = {}
        order = [self.root.key.index(name) for name in self.table.root_key.values()]
        keys = ([key[order.index(place)] for place in range(len(order))] for key in roots)
        for row, instant, _ in self.root.rows_of_keys(self.transaction, self.root.key, map(tuple, keys)):
            if instant is not None:
                instants[tuple(row.key[place] for place in order)] = instant
        return [
            key
            for key, window in roots.items()
            if window is not None and key in instants and instants[key] >= window.end
        ]

    def _of_whole_table(self) -> Differences:
        """Compare a table of which every load reads all records."""
        table, resource = self.table, self.table.resource
        read = [row for row, *_ in table.read_rows(self.pipeline, self.reading)]
        stored = [row for row, *_ in table.stored_rows(self.transaction)]
        found = self._compare(read, stored)
        deletes = resource.deletes is not None and resource.deletes.by is not None
        if resource.write_disposition == "append" or (resource.has_load_id and not deletes):
            found.surplus = []  # such a table keeps what the list no longer has
        return found

    def _compare(self, read: Sequence[Row], stored: Sequence[Row]) -> Differences:
        """Compare rows by their key if they have one, else by how often each is there."""
        resource = self.table.resource
        if not resource.primary_key:
            return compare_counted(read, stored)
        return compare_keyed(by_key(read), by_key(stored), keys_only=resource.write_disposition == "append")


def keys_read(table: ComparedTable, pipeline: dlt.Pipeline, reading: TableReading) -> set[Key]:
    """Return the primary keys of the rows that were read."""
    return {row.key for row, *_ in table.read_rows(pipeline, reading)}


def _by_root(
    rows: Iterable[tuple[Row, datetime | None, Key]], roots: Mapping[Key, Window | None]
) -> dict[Key, list[Row]]:
    """Return rows by the key of their root, of these roots only."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row, _, root in rows:
        if root in roots:
            found[root].append(row)
    return found


def _move_rejected(differences: Differences, rejected: set[str]) -> None:
    """Count a row as stale if the API has its record, which breaks the contract now."""
    for key in [key for key in differences.surplus if key and ", ".join(map(str, key)) in rejected]:
        differences.surplus.remove(key)
        differences.stale.append(key)
        differences.columns[NO_LONGER_VALID] += 1


def _finder(windows: Sequence[Window]) -> Callable[[datetime | None], Window | None]:
    """Return the function that returns the window of an instant, None for an instant in none of them."""
    ordered = sorted(windows, key=lambda window: window.start)
    starts = [window.start for window in ordered]

    def window_of(instant: datetime | None) -> Window | None:
        position = -1 if instant is None else bisect_right(starts, instant) - 1
        return ordered[position] if position >= 0 and instant and instant < ordered[position].end else None

    return window_of
