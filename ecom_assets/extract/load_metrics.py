"""What a run counts and keeps of one table while it reads: figures per window, rejected rows, keys for the load.

See `ecom_assets.load.report` for the reports that are made of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from ecom_assets.contract.result import ContractResult, RejectedRow
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.open_ended import CursorProgress
from ecom_assets.extract.slices import UNFILTERED, Slice
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import ContractBroken

PREVIEW_ROWS = 5
"""Rows of a table that a report shows."""

_CLOCK_TOLERANCE = timedelta(hours=1)
"""By how much the API's clock may be behind this machine's."""


@dataclass
class WindowCounts:
    """Records of one window: read, kept by the contract, rejected by it."""

    fetched: int = 0
    kept: int = 0
    rejected: int = 0


class OpenWindowRows(NamedTuple):
    """The rows of nested lists or children that one open window brought.

    `start` (UTC) is where the window starts, `root_states` holds key and cursor of the root records that it brought,
    `rows` the rows themselves.
    """

    start: datetime
    root_states: pa.Table
    rows: pa.Table


class LoadMetrics:
    """What one run counts and keeps of one table.

    Attributes:
        resource: The table's resource.
        slices: The slices that the run reads for it.
        counts: The figures of each window by partition key; a snapshot has the one key None, and records that no window
            brings have UNFILTERED.
        rejected_rows: Each rejected row, with the partition key of its window.
        discarded: How many values of undeclared fields were discarded, by field.
        preview: The first rows that were kept, at most PREVIEW_ROWS.
        previews: Of a run of several windows: the first rows that were kept of each, by partition key.
        root_states: Key and cursor of the root records that were read: of a record that changed during the run,
            several. The key alone where the root has no cursor and is merged, and empty where it is replaced. The
            root of a table is the resource at the top of its chain of parents, or the table's own resource.
        root_keys: Only of nested lists and children: the keys of the root records that were read, in the columns of
            the table. The load deletes the table's former rows of these records.
        rejected_keys: Only of snapshots with history: the primary keys of the rejected records. They are not gone.
        rejected_without_key: Only of snapshots with history: how many rejected records have no usable key.
        partial_lists: Only of nested lists: the paths beside a list that say it has more elements than a record holds.
        without_list: Only of nested lists: how many records were read, as long as none has the field of the list.
        missing_parent_fields: Only of nested lists and children: the fields of `include_from_parent` in which no record
            of the parent had a value so far.
        open_windows: Only of nested lists and children: the rows of each window that was open when the run began.
        cursor: Only of open-ended resources: how far the reading came.
    """

    def __init__(
        self, resource: Resource, slices: Sequence[Slice], cursor: CursorProgress | None = None
    ) -> None:
        """Count each window of the slices from zero, so that an empty window is reported too."""
        self.resource = resource
        self.cursor = cursor
        self.slices = slices
        self.counts: dict[str | None, WindowCounts] = {
            key: WindowCounts() for part in slices for key, _ in windows_by_key(part)
        }
        self.rejected_rows: list[tuple[str | None, RejectedRow]] = []
        self.discarded: Counter[str] = Counter()
        self.preview: list[dict[str, Any]] = []
        self.previews: dict[str | None, pa.Table] = {}
        self.root_states: list[pa.Table] = []
        self.root_keys: list[pa.Table] = []
        self.rejected_keys: list[pa.Table] = []
        self.rejected_without_key = 0
        self.partial_lists: set[str] = set()
        self.without_list: int | None = 0
        self.missing_parent_fields = set(resource.include_from_parent)
        self.open_windows: list[OpenWindowRows] = []
        self._began = datetime.now(timezone.utc)
        self._windows_read = 0

    @property
    def windows(self) -> list[Window]:
        """Return the run's windows; a snapshot has none."""
        return [window for part in self.slices for window in part.windows]

    def settle_slices(self, slices: Sequence[Slice]) -> None:
        """Take the slices in which the same windows were read in the end."""
        self.slices = slices

    def leave_out(self, keys: Collection[str]) -> None:
        """Forget the slices whose first window has one of these partition keys: they failed, and brought nothing."""
        failed = [part for part in self.slices if part.windows and part.windows[0].partition_key in keys]
        self.slices = [part for part in self.slices if part not in failed]
        for key in [key for part in failed for key, _ in windows_by_key(part)]:
            del self.counts[key]

    @property
    def fetched(self) -> int:
        """Return the number of records read."""
        return sum(count.fetched for count in self.counts.values())

    def look_for_parent_fields(self, records: Sequence[Any]) -> None:
        """Note which fields of the parent have a value in some record of a nested list or a child."""
        self.missing_parent_fields -= {
            name
            for name in self.missing_parent_fields
            if any(
                isinstance(record, dict) and record.get(f"_{self.resource.parent}_{name}") is not None
                for record in records
            )
        }

    def add(self, parts: Sequence[Slice], windows: Sequence[int], contracted: ContractResult) -> None:
        """Count the records of some slices.

        Args:
            parts: The slices.
            windows: Of each record, the position of its window among all windows of `parts`.
            contracted: What the contract made of the records.

        Raises:
            ContractBroken: After the last slice, when more records were rejected than `max_rejected` allows.
        """
        keys = [key for part in parts for key, _ in windows_by_key(part)]
        for position, count in Counter(windows).items():
            self.counts[keys[position]].fetched += count
        if not contracted.rejected:
            kept: Sequence[int] = windows
        else:
            kept = [windows[row] for row in contracted.kept_rows]
        for position, count in Counter(kept).items():
            self.counts[keys[position]].kept += count
        for entry in contracted.rejected:
            key = keys[windows[entry.row]]
            self.counts[key].rejected += 1
            self.rejected_rows.append((key, entry))
        self.discarded.update(contracted.discarded)
        if len(self.preview) < PREVIEW_ROWS:
            self.preview += contracted.kept.slice(0, PREVIEW_ROWS - len(self.preview)).to_pylist()
        if len(self.counts) > 1:
            self._preview_windows(keys, kept, contracted.kept)
        self._windows_read += len(keys)
        # of records that no window brings, nothing looks loaded without its rows
        if self._windows_read == len(self.counts) and parts[0].key != UNFILTERED:
            self._check_rejected_share()

    def _preview_windows(self, keys: Sequence[str | None], kept: Sequence[int], rows: pa.Table) -> None:
        """Keep the first rows of each window, as a table: a run may have thousands of windows.

        Args:
            keys: The partition keys of the windows.
            kept: Of each row, the position of its window.
            rows: The kept rows.
        """
        found: dict[int, list[int]] = {position: [] for position in set(kept)}
        for row, position in enumerate(kept):
            numbers = found[position]
            if len(numbers) < PREVIEW_ROWS:
                numbers.append(row)
        for position, numbers in found.items():
            self.previews[keys[position]] = rows.take(numbers)

    def is_open(self, part: Slice) -> bool:
        """Tell whether a slice's window was open when the run began.

        A record that changes while a run reads moves into an open window, from another slice of the run. A run of
        one slice has no other slice, so nothing moves there.
        """
        return len(self.slices) > 1 and part.end is not None and part.end > self._began - _CLOCK_TOLERANCE

    def add_root_states(
        self, parts: Sequence[Slice], root_states: pa.Table, rows: pa.Table | None = None
    ) -> None:
        """Keep key and cursor of the root records of some slices, and the rows that an open window brought.

        Args:
            parts: The slices; one with an open window must come alone.
            root_states: Key and cursor of each root record of the slices.
            rows: The kept rows of a nested list or a child, None for the root's own table.
        """
        self.root_states.append(root_states)
        if rows is not None and parts[0].start is not None and self.is_open(parts[0]):
            self.open_windows.append(OpenWindowRows(parts[0].start, root_states, rows))

    def add_rejected_keys(self, keys: pa.Table, rejected: int) -> None:
        """Keep the usable primary keys of some rejected records, and count the others."""
        self.rejected_keys.append(keys)
        self.rejected_without_key += rejected - keys.num_rows

    def _check_rejected_share(self) -> None:
        """Raise ContractBroken when more of the records were rejected than the declaration allows.

        Without a declared share, a window whose records were all rejected is refused, as it would look loaded.
        """
        allowed = self.resource.max_rejected
        if allowed is None:
            self._refuse_rejected_windows()
        # as a decimal: the double next to 0.29 is less than it, and 29 of 100 would be too many
        if allowed is not None and len(self.rejected_rows) > Decimal(str(allowed)) * self.fetched:
            reasons = "; ".join(self.rejected_rows[0][1].reasons)
            raise ContractBroken(
                f"{self.resource.name}: {len(self.rejected_rows)} of {self.fetched} records were rejected, "
                f"max_rejected is {allowed:g}; the first one because of: {reasons}"
            )

    def _refuse_rejected_windows(self) -> None:
        """Raise ContractBroken for a window, or for a list without windows, whose records were all rejected.

        A single record may be wrong, unless it is wrong in its cursor: then nobody knows which window it belongs to. An
        open-ended load reads a rejected record again, so it only fails if all records are wrong in their cursors, or
        several in their keys: then no later load would bring one either.
        """
        key_columns = self.resource.primary_key
        cursor = [self.resource.cursor.name] if self.resource.cursor else []
        reads_on = self.resource.parent is None and self.resource.open_ended
        for window, count in self.counts.items():
            if count.kept or not count.rejected:
                continue
            rejected = [entry for key, entry in self.rejected_rows if key == window]
            reasons = [entry.reasons for entry in rejected if not entry.is_superseded]
            if not reasons:
                continue
            several = len(reasons) > 1
            wrong_cursors = all(_are_about(texts, cursor) for texts in reasons)
            wrong_keys = all(_are_about(texts, [*key_columns, *cursor]) for texts in reasons)
            if wrong_cursors or (several and (wrong_keys or not reads_on)):
                way = (
                    "primary_key"
                    if wrong_keys and not wrong_cursors
                    else "the columns, for example with format"
                )
                raise ContractBroken(
                    f"{self.resource.name}: all {count.rejected} records of {window or 'the list'} were rejected, the "
                    f"first one because of: {'; '.join(reasons[0])}. Correct {way}, or declare max_rejected: 1 to load "
                    f"such a {'window' if window else 'list'}"
                )


def _are_about(reasons: Iterable[str], columns: Iterable[str]) -> bool:
    """Tell whether one of the reasons to reject a record is about one of some columns."""
    return any(reason.startswith(f"{name}: ") for reason in reasons for name in columns)


def windows_by_key(part: Slice) -> list[tuple[str | None, Window | None]]:
    """Return a slice's windows with their partition keys; a slice without windows has one entry without a window."""
    return [(window.partition_key, window) for window in part.windows] or [(part.key, None)]
