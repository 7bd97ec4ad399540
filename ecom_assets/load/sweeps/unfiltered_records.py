"""Unfiltered records: records of the API that no loaded window brought, although it should have.

Most often their cursor is null, so no filter returns them. A sweep reads without a filter, and so finds them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.sweeps.swept_table import SweptTable
from ecom_assets.warehouse.transaction import Transaction

_CLOCK_TOLERANCE = timedelta(hours=1)
"""By how much the API's clock, or the moment at which a new record shows up in the list, may be behind."""


@dataclass(frozen=True)
class UnfilteredRecords:
    """Finds the unfiltered records of a sweep.

    Attributes:
        table: The swept table.
        resource: Its resource, with the types that undeclared columns have in the table.
        held: What is held of each record that the sweep read: its primary key and its cursor.
        began: When the sweep began, in UTC.
    """

    table: SweptTable
    resource: Resource
    held: Sequence[Any]
    began: datetime

    @property
    def cursor_path(self) -> str:
        """Return the path of the cursor, for a message."""
        return ".".join(self.resource.cursor.path) if self.resource.cursor else ""

    def keys(self, transaction: Transaction) -> list[str]:
        """Return the primary keys of the unfiltered records as texts.

        A record is left out if no window that holds it has been loaded since it last changed, or if a load rejected it.

        Args:
            transaction: The open transaction, in which `ecom_source` and `ecom_before` are the keys of the sweep.
        """
        if self.resource.cursor is None:
            return []
        same_key = self.table.same_key("ecom_source", "ecom_before")
        found = transaction.execute(
            f"select __row from ecom_source where not exists (select 1 from ecom_before where {same_key}) order by 1"
        )
        rows = [row for (row,) in found.fetchall()]
        if not rows:
            return []
        loads = self._loaded_windows(transaction)
        # a parameter such as `fields: id` may leave no record with its cursor
        has_cursors = any(value_at(record, self.resource.cursor.path) is not None for record in self.held)
        instants = cursor_instants_of(
            self.table.shop, self.resource, [self.held[row] for row in rows]
        ).to_pylist()
        if has_cursors:
            missed = [
                row
                for row, instant in zip(rows, instants, strict=True)
                if instant is None or _should_have_come(instant, loads)
            ]
        else:
            missed = rows if self._all_windows_are_loaded(loads) else []
        rejected = self._rejected_keys(transaction)
        keys = [
            ", ".join(str(value_at(self.held[row], path)) for path in self.resource.key_paths)
            for row in missed
        ]
        return [key for key in keys if key not in rejected]

    def _loaded_windows(self, transaction: Transaction) -> list[tuple[datetime, datetime, datetime]]:
        """Return start, end and the newest load of each loaded window, in order."""
        found = transaction.execute(
            f'select window_start, window_end, max(loaded_at) from "{self.table.shop.name}"."{LEDGER_TABLE}" '
            "where resource = ? and window_start is not null group by 1, 2 order by 1, 2",
            [self.resource.name],
        )
        return [(start, end, loaded) for start, end, loaded in found.fetchall()]

    def _all_windows_are_loaded(self, loads: Sequence[tuple[datetime, datetime, datetime]]) -> bool:
        """Tell whether each window that had closed when the sweep began has been loaded after its end."""
        partitions = self.table.shop.partitions
        if partitions is None:
            return False
        loaded = {start for start, end, at in loads if at >= end}
        return all(
            window.start in loaded for window in windows_between(partitions, partitions.start, self.began)
        )

    def _rejected_keys(self, transaction: Transaction) -> set[str]:
        """Return the primary keys of the records that loads rejected, as texts."""
        if REJECTED_ROWS_TABLE not in transaction.columns_of(self.table.shop.name):
            return set()
        found = transaction.execute(
            f'select distinct primary_key from "{self.table.shop.name}"."{REJECTED_ROWS_TABLE}" where resource = ?',
            [self.resource.name],
        )
        return {key for (key,) in found.fetchall()}


def _should_have_come(instant: datetime, loads: Sequence[tuple[datetime, datetime, datetime]]) -> bool:
    """Tell whether a window that holds an instant has been loaded clearly later than that."""
    position = bisect_right(loads, instant, key=lambda load: load[0]) - 1
    if position < 0:
        return False
    start, end, loaded = loads[position]
    return start <= instant < end and loaded > instant + _CLOCK_TOLERANCE
