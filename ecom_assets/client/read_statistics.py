"""The read statistics of a run: requests, retries, records and seconds of each slice.

The HTTP adapter and the paginator count them; the ledger stores them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from ecom_assets.foundation.errors import ApiError, RetryLater

SLICE_HEADER = "X-Ecom-Slice"
"""Carries the slice's id from dlt's resource to paginator and adapter; the adapter never sends it."""


@dataclass
class SliceStatistics:
    """The figures of one slice. A slice is read by one worker, so its fields need no lock.

    `source_total` is the total that the API reports, `seconds` is wall time. `ignored` counts the answers that a
    response action turned into empty pages. `refused` is the status of such an answer if it says nothing about the
    records, None otherwise; the rows of the list then stay. `refusal_is_declared` tells whether the declaration has the
    content of that answer. `masked` counts the texts of records that held a secret of the shop. `with_errors` counts
    the answers that tell of errors which the declaration does not name, `errors_text` says what the first of them has.

    `listed_keys` are the fields at the top of the answers that had a list, `unlisted_keys` those of each answer that
    left the list out; both only where the endpoint declares that the list may be left out. `confirmed_by` is what
    confirms the end of the list: `total`, `end` or `nothing`.
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
    masked: int = 0
    with_errors: int = 0
    errors_text: str = ""
    listed_keys: frozenset[str] | None = None
    unlisted_keys: frozenset[frozenset[str]] = frozenset()
    confirmed_by: str | None = field(default=None, compare=False)

    def add_cost(self, other: SliceStatistics) -> None:
        """Add what another reading cost: its requests and its time."""
        for name in ("requests", "retries", "restarts", "ignored", "with_errors", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


MAX_EARLY_FAILURES = 3
"""How many windows of an endpoint may fail before one is read, and two more for each one that is."""


class ReadStatistics:
    """The statistics of a run's slices by slice id, and `clock_offset`; safe to share between workers."""

    def __init__(self) -> None:
        """Start with no slice."""
        self._lock = threading.Lock()
        self._slices: dict[str, SliceStatistics] = {}
        self._isolated: dict[str, dict[str, int]] = {}
        self._failures: dict[str, ApiError] = {}
        self.clock_offset: timedelta | None = None

    def of(self, slice_id: str) -> SliceStatistics:
        """Return the statistics of a slice, which start at zero on the first call."""
        with self._lock:
            return self._slices.setdefault(slice_id, SliceStatistics())

    def of_endpoint(self, resource: str) -> list[SliceStatistics]:
        """Return the statistics of the slices of an endpoint, and of the child lists below them."""
        with self._lock:
            return [entry for key, entry in self._slices.items() if key.split("/", 1)[0] == resource]

    def note_date(self, date: str | None, age: str | None) -> None:
        """Note how far the API's clock is ahead of this machine's, by the first `Date` header that is of now.

        A response with an `Age` comes from a cache, and its date is that of the original.
        """
        if self.clock_offset is None and date and not age:
            with suppress(ValueError, TypeError):
                self.clock_offset = parsedate_to_datetime(date) - datetime.now(timezone.utc)

    def isolate(self, windows: Mapping[str, int]) -> None:
        """Let each of these slices, which are those of one endpoint, fail alone. One window has no others to save.

        Args:
            windows: The number of windows of each slice, by its id.
        """
        with self._lock:
            if sum(windows.values()) > 1:
                siblings = dict(windows)
                for entry in windows:
                    self._isolated[entry] = siblings

    def isolate_halves(self, slice_id: str, windows: Mapping[str, int]) -> None:
        """Let the halves of a slice fail alone, in its place. `windows` is as for `isolate`."""
        with self._lock:
            siblings = self._isolated[slice_id]
            siblings |= windows
            for entry in windows:
                self._isolated[entry] = siblings

    def is_isolated(self, slice_id: str) -> bool:
        """Return whether a slice may fail alone."""
        return slice_id in self._isolated

    def fail_alone(self, slice_id: str, error: ApiError) -> bool:
        """Note the failure of a slice, and return True if the other slices of its endpoint are still to be read.

        It is False if the API asks for a pause, and if too many windows fail: then the endpoint fails as a whole,
        instead of window after window with all retries. A slice of several windows is cut, so nothing is noted.
        """
        with self._lock:
            siblings = self._isolated.get(slice_id, {})
            if siblings.get(slice_id, 1) > 1 and not isinstance(error, RetryLater):
                return True
            read = sum(
                windows
                for entry, windows in siblings.items()
                if entry in self._slices and self._slices[entry].complete
            )
            failed = sum(entry in self._failures for entry in siblings)
            if not siblings or isinstance(error, RetryLater) or failed >= MAX_EARLY_FAILURES + 2 * read:
                return False
            self._failures.setdefault(slice_id, error)
            return True

    def failures(self, slice_ids: Iterable[str]) -> dict[str, ApiError]:
        """Return the failures of those slices that failed alone, by slice id."""
        with self._lock:
            return {entry: self._failures[entry] for entry in slice_ids if entry in self._failures}

    def reset(self, slice_ids: Iterable[str]) -> None:
        """Drop the statistics of these slices, and of the child lists below them, before they are read again."""
        with self._lock:
            dropped = set(slice_ids)
            # a slice's id is resource and window; the id of a child list below it begins with them
            for known in [key for key in self._slices if "/".join(key.split("/", 2)[:2]) in dropped]:
                del self._slices[known]
            for known in dropped & self._failures.keys():
                del self._failures[known]

    def __deepcopy__(self, memo: object) -> ReadStatistics:
        """Return the same object: dlt copies a paginator, and these statistics with it, for every slice."""
        return self
