"""Unfiltered records: records of the API that no loaded window brought, although it should have.

Most often their cursor is null, so no filter returns them. A sweep reads without a filter, and so finds them.
See `ecom_assets.load.sweeps.unfiltered_load` for loading them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa

from ecom_assets.contract.conversion import instants_of_cursor
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.slices import UNFILTERED
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.sweeps.swept_table import SweptTable, row_keys
from ecom_assets.warehouse.transaction import Transaction

LoadedWindow: TypeAlias = tuple[datetime, datetime, datetime]
"""Start and end of a window, and when its newest load had read everything."""

_CLOCK_TOLERANCE = timedelta(hours=1)
"""By how much the API's clock, or the moment at which a new record shows up in the list, may be behind."""


@dataclass(frozen=True)
class LoadedBefore:
    """What windows had brought before a sweep: when each was loaded, and the keys that they rejected, as texts."""

    windows: Sequence[LoadedWindow]
    rejected: frozenset[str]


def loaded_before(transaction: Transaction, table: SweptTable) -> LoadedBefore:
    """Return what windows have brought of a table, in the transaction in which its known rows are read."""
    dataset, resource = table.shop.name, table.resource.name
    present = transaction.columns_of(dataset)
    windows, rejected = [], frozenset[str]()
    if LEDGER_TABLE in present:
        windows = transaction.execute(
            f'select window_start, window_end, max(loaded_at) from "{dataset}"."{LEDGER_TABLE}" '
            "where resource = ? and window_start is not null group by 1, 2 order by 1, 2",
            [resource],
        ).fetchall()
    if REJECTED_ROWS_TABLE in present:
        # what a sweep rejected is read again
        found = transaction.execute(
            f'select distinct primary_key from "{dataset}"."{REJECTED_ROWS_TABLE}" '
            "where resource = ? and partition_key is distinct from ?",
            [resource, UNFILTERED],
        )
        rejected = frozenset(key for (key,) in found.fetchall())
    return LoadedBefore([(start, end, loaded) for start, end, loaded in windows], rejected)


@dataclass(frozen=True)
class UnfilteredRecords:
    """Finds the unfiltered records of a sweep.

    Attributes:
        table: The swept table.
        resource: Its resource, with the types that undeclared columns have in the table.
        loaded: What windows had brought before the sweep.
        before: The rows of the table before the sweep.
        keys: The keys that the sweep read.
        held: What is held of each record that the sweep read, in the order of the keys: its key and its cursor.
        began: When the sweep began, in UTC.
    """

    table: SweptTable
    resource: Resource
    loaded: LoadedBefore
    before: pa.Table
    keys: pa.Table
    held: Sequence[Any]
    began: datetime

    @property
    def cursor_path(self) -> str:
        """Return the path of the cursor, for a message."""
        return ".".join(self.resource.cursor.path) if self.resource.cursor else ""

    def missed(self) -> list[Any]:
        """Return what is held of the records that are not in the table.

        A record is left out if no window that holds it has been loaded since it last changed, or if a load rejected it.
        """
        if self.resource.cursor is None:
            return []
        known = set(row_keys(self.before, self.resource.primary_key))
        rows = [
            row for row, key in enumerate(row_keys(self.keys, self.resource.primary_key)) if key not in known
        ]
        # a parameter such as `fields: id` may leave no record with its cursor
        if rows and any(value_at(record, self.resource.cursor.path) is not None for record in self.held):
            missed = [
                row
                for row, instant in self._with_instants(rows)
                if instant is None or _should_have_come(instant, self.loaded.windows)
            ]
        else:
            missed = rows if self._all_windows_are_loaded() else []
        return [self.held[row] for row in missed if self._text(row) not in self.loaded.rejected]

    def outdated(self) -> list[Any]:
        """Return what is held of the records that are in the table, but that no window keeps up to date.

        They are those without a cursor, and those whose present cursor a loaded window should have brought.
        """
        cursor = self.resource.cursor
        if cursor is None:
            return []
        zone = self.table.shop.timezone_of(self.resource)
        versions = instants_of_cursor(
            self.before.column("__version").combine_chunks(), cursor, zone
        ).to_pylist()
        stored = dict(zip(row_keys(self.before, self.resource.primary_key), versions, strict=True))
        rows = {
            row: stored[key]
            for row, key in enumerate(row_keys(self.keys, self.resource.primary_key))
            if key in stored
        }
        return [
            self.held[row]
            for row, instant in self._with_instants(list(rows))
            if rows[row] is None
            or (
                instant not in (None, rows[row])
                and _should_have_come(instant, self.loaded.windows)
                and self._text(row) not in self.loaded.rejected
            )
        ]

    def texts(self, held: Sequence[Any]) -> list[str]:
        """Return the primary keys of records as texts."""
        return [", ".join(str(value_at(record, path)) for path in self.resource.key_paths) for record in held]

    def _text(self, row: int) -> str:
        return self.texts([self.held[row]])[0]

    def _with_instants(self, rows: Sequence[int]) -> Iterator[tuple[int, datetime | None]]:
        """Yield rows with the instants of their present cursors."""
        records = [self.held[row] for row in rows]
        instants = cursor_instants_of(self.table.shop, self.resource, records).to_pylist() if rows else []
        yield from zip(rows, instants, strict=True)

    def _all_windows_are_loaded(self) -> bool:
        """Tell whether each window that had closed when the sweep began has been loaded after its end."""
        partitions = self.table.shop.partitions
        if partitions is None:
            return False
        loaded = {start for start, end, at in self.loaded.windows if at >= end}
        return all(
            window.start in loaded for window in windows_between(partitions, partitions.start, self.began)
        )


def _should_have_come(instant: datetime, windows: Sequence[LoadedWindow]) -> bool:
    """Tell whether a window that holds an instant has been loaded clearly later than that."""
    position = bisect_right(windows, instant, key=lambda window: window[0]) - 1
    if position < 0:
        return False
    start, end, loaded = windows[position]
    return start <= instant < end and loaded > instant + _CLOCK_TOLERANCE
