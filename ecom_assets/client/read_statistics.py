"""The read statistics of a run: requests, retries, records and seconds of each slice.

The HTTP adapter and the paginator count them; the ledger stores them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

SLICE_HEADER = "X-Ecom-Slice"
"""Carries the slice's id from dlt's resource to paginator and adapter; the adapter never sends it."""


@dataclass
class SliceStatistics:
    """The figures of one slice. A slice is read by one worker, so its fields need no lock.

    `source_total` is the total that the API reports, `seconds` is wall time. `ignored` counts the answers that a
    response action turned into empty pages. `refused` is the status of such an answer if it says nothing about the
    records, None otherwise; the rows of the list then stay. `refusal_is_declared` tells whether the declaration has the
    content of that answer. `listed_keys` are the fields at the top of the answers that had a list, `unlisted_keys`
    those of each answer that left the list out; both only where the endpoint declares that the list may be left out.
    `confirmed_by` is what confirms the end of the list: `total`, `end` or `nothing`.
    """

    source_total: int | None = None
    fetched: int = 0
    requests: int = 0
    retries: int = 0
    restarts: int = 0
    ignored: int = 0
    refused: int | None = None
    refusal_is_declared: bool = False
    seconds: float = 0.0
    complete: bool = False
    listed_keys: frozenset[str] | None = None
    unlisted_keys: frozenset[frozenset[str]] = frozenset()
    confirmed_by: str | None = field(default=None, compare=False)


class ReadStatistics:
    """The statistics of a run's slices by slice id; safe to share between workers."""

    def __init__(self) -> None:
        """Start with no slice."""
        self._lock = threading.Lock()
        self._slices: dict[str, SliceStatistics] = {}

    def of(self, slice_id: str) -> SliceStatistics:
        """Return the statistics of a slice, which start at zero on the first call."""
        with self._lock:
            return self._slices.setdefault(slice_id, SliceStatistics())

    def of_endpoint(self, resource: str) -> list[SliceStatistics]:
        """Return the statistics of the slices of an endpoint, and of the child lists below them."""
        with self._lock:
            return [entry for key, entry in self._slices.items() if key.split("/", 1)[0] == resource]

    def reset(self, slice_ids: Iterable[str]) -> None:
        """Drop the statistics of these slices, and of the child lists below them, before they are read again."""
        with self._lock:
            dropped = set(slice_ids)
            # a slice's id is resource and window; the id of a child list below it begins with them
            for known in [key for key in self._slices if "/".join(key.split("/", 2)[:2]) in dropped]:
                del self._slices[known]

    def __deepcopy__(self, memo: object) -> ReadStatistics:
        """Return the same object: dlt copies a paginator, and these statistics with it, for every slice."""
        return self
