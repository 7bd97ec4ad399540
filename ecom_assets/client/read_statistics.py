"""What reading each slice took: counted by the HTTP adapter and the paginator, read by the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

SLICE_HEADER = "X-Ecom-Slice"
"""Carries the slice's id from dlt's resource to paginator and adapter; the adapter never sends it."""


@dataclass
class SliceStatistics:
    """One slice's figures. A slice is read by one worker, so its fields need no lock. `seconds` is wall time."""

    source_total: int | None = None
    fetched: int = 0
    requests: int = 0
    retries: int = 0
    restarts: int = 0
    seconds: float = 0.0
    complete: bool = False


class ReadStatistics:
    """The readings of a run by slice id; safe to share between workers."""

    def __init__(self) -> None:
        """Start with no reading."""
        self._lock = threading.Lock()
        self._readings: dict[str, SliceStatistics] = {}

    def of(self, slice_id: str) -> SliceStatistics:
        """Return the reading of a slice, made on the first call."""
        with self._lock:
            return self._readings.setdefault(slice_id, SliceStatistics())

    def forget(self, slice_ids: Iterable[str]) -> None:
        """Start the readings of these slices, and of the single lists below them, anew before they are read again."""
        with self._lock:
            forgotten = set(slice_ids)
            # an id is a resource and a window, that of a single list below it begins with them
            for known in [key for key in self._readings if "/".join(key.split("/", 2)[:2]) in forgotten]:
                del self._readings[known]

    def __deepcopy__(self, memo: object) -> ReadStatistics:
        """Stay one and the same: dlt copies a paginator, and with it this meter, for every slice."""
        return self
