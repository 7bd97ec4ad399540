"""Slices: the adjacent windows that one worker reads in one pass over an endpoint."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ecom_assets.extract.windows import Window

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Shop


UNFILTERED = "unfiltered"
"""What the ledger has in place of a partition key for records that no window brings."""


@dataclass(frozen=True)
class Slice:
    """One or more windows of a run, read by one worker in one pass. The slice of a snapshot has no window.

    Attributes:
        id: `<resource>/<partition key of the first window>`, or `<resource>/all` for a snapshot. Where windows are
            joined, `..` and the partition key of the last one follow.
        windows: The windows, in order.
        start: Where reading starts, aware and in UTC; None for a snapshot. It lies before the first window by
            that part of the lookback which no earlier window of the run covers.
        end: The end of the last window, aware and in UTC; None for a snapshot.
        lookback: How far before its start a window is read again.
        cursor: Of an open-ended resource, the cursor from which it is read, as the API writes it.
        key: What the ledger has in place of a partition key for a slice without windows: None, or UNFILTERED.
        most_records: Only of joined windows, each of which the API could also be asked for alone: a slice with more
            records is cut in half.
    """

    id: str
    windows: tuple[Window, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    lookback: timedelta = timedelta()
    cursor: Any = None
    key: str | None = None
    most_records: int | None = None

    @property
    def is_joined(self) -> bool:
        """Tell whether the slice joins windows that can also be read in smaller slices."""
        return self.most_records is not None and len(self.windows) > 1

    @cached_property
    def _ends(self) -> list[datetime]:
        return [window.end for window in self.windows]

    def window_of(self, instant: datetime) -> int | None:
        """Return the position of the window that an instant belongs to, None for an instant outside the slice.

        An instant in a lookback belongs to the window after it, because the load of that window reads it.
        """
        if self.start is None or self.end is None or not self.start <= instant < self.end:
            return None
        position = bisect_right(self._ends, instant)
        begin = self.start if position == 0 else self.windows[position].start - self.lookback
        return position if instant >= begin else None


def cut_into_slices(shop: Shop, name: str, windows: Sequence[Window]) -> tuple[Slice, ...]:
    """Return the slices in which a run reads its windows of one endpoint.

    There is one slice a window. There is only one slice for all windows if the API cannot filter by the end of
    a window: each slice would otherwise read everything, or everything since its start. A lookback is read only
    as far back as no other window of the run reads. `ecom_assets.extract.slicing.joining` joins small slices.

    Args:
        shop: The declared shop.
        name: The name of the resource with the endpoint.
        windows: The windows of the run, in any order; none for a snapshot, which is one slice.
    """
    if not windows:
        return (Slice(f"{name}/all"),)
    lookback = timedelta(seconds=shop.policy.lookback)
    if shop.incremental_of(name).cursor == "window":
        lookback = timedelta()  # nothing tells records of the lookback from those of the window
    ordered = tuple(sorted(windows, key=lambda window: window.start))
    filtered = shop.incremental_of(name).sends_end
    groups: list[tuple[Window, ...]] = [(window,) for window in ordered] if filtered else [ordered]
    return tuple(_slices_of(name, groups, lookback))


def join_slices(slices: Sequence[Slice], most_records: int | None) -> Slice:
    """Return one slice for the windows of adjacent slices, which come in order."""
    first, last = slices[0], slices[-1]
    if len(slices) == 1:
        return first
    return replace(
        first,
        id=f"{first.id}..{last.windows[-1].partition_key}",
        windows=tuple(window for part in slices for window in part.windows),
        end=last.end,
        most_records=most_records,
    )


def halves_of(slice_: Slice) -> tuple[Slice, Slice]:
    """Return the two halves of a slice of joined windows."""
    name = slice_.id.partition("/")[0]
    parts = _slices_of(name, [(window,) for window in slice_.windows], slice_.lookback, slice_.start)
    middle = len(parts) // 2
    return join_slices(parts[:middle], slice_.most_records), join_slices(parts[middle:], slice_.most_records)


def _slices_of(
    name: str, groups: Sequence[tuple[Window, ...]], lookback: timedelta, read_until: datetime | None = None
) -> list[Slice]:
    """Return a slice for each group of windows, none of which reads what the one before has read."""
    slices = []
    for group in groups:
        start = group[0].start - lookback
        slices.append(
            Slice(
                id=f"{name}/{group[0].partition_key}",
                windows=group,
                start=start if read_until is None else max(start, read_until),
                end=group[-1].end,
                lookback=lookback,
            )
        )
        read_until = group[-1].end
    return slices
