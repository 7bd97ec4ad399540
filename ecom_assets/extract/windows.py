"""Half-open windows in UTC.

They know neither the API nor Dagster. See `ecom_assets.extract.slices` for how a run reads them, and
`ecom_assets.orchestration.partitions` for how they map to Dagster's partitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ecom_assets.foundation.cadence import floor as floor
from ecom_assets.foundation.cadence import window_end as window_end

if TYPE_CHECKING:
    from ecom_assets.declaration.reading import Partitions

UTC = timezone.utc
KEY_FORMATS = {"hour": "%Y-%m-%d-%H:%M", "day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m-%d"}
"""How the start of a window is written as its partition key. These are Dagster's own formats."""


@dataclass(frozen=True, order=True)
class Window:
    """A half-open interval `[start, end)`. Both instants are aware and in UTC.

    `partition_key` names its Dagster partition.
    """

    partition_key: str
    start: datetime
    end: datetime


def window_at(partitions: Partitions, instant: datetime) -> Window:
    """Return the window that holds an instant."""
    start = floor(instant, partitions.every)
    return Window(start.strftime(KEY_FORMATS[partitions.every]), start, window_end(start, partitions.every))


def window_of_key(partitions: Partitions, key: str) -> Window:
    """Return the window that holds the instant that a partition key names. Raises ValueError for another text."""
    instant = datetime.strptime(key, KEY_FORMATS[partitions.every])
    return window_at(partitions, instant.replace(tzinfo=UTC))


def windows_between(partitions: Partitions, start: datetime, end: datetime) -> tuple[Window, ...]:
    """Return the windows that lie completely in `[start, end)`, in order.

    A window that starts before the declared `partitions.start` is left out.
    """
    start = max(start, partitions.start)
    window = window_at(partitions, start)
    if window.start < start:
        window = window_at(partitions, window.end)
    found = []
    while window.end <= end:
        found.append(window)
        window = window_at(partitions, window.end)
    return tuple(found)
