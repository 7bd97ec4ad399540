"""Progress lines of a run while it reads: one per tenth of an endpoint's slices, or after some seconds.

There is no line per slice, because each line becomes an event in Dagster's log, and writing an event takes longer than
reading a small slice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

OnProgress = Callable[[str], None]
"""Takes one line about the progress, for a person."""

EVERY = 5.0
"""Seconds after which a line is due, even if few slices were read."""

TENTH = 10
"""Lines for an endpoint that is read quickly."""


class Progress:
    """Counts the slices and records of one endpoint. Thread-safe: workers may share it."""

    def __init__(
        self,
        name: str,
        slices: int,
        on_progress: OnProgress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            name: The name of the endpoint.
            slices: The number of its slices.
            on_progress: Takes the progress lines.
            clock: Returns a time in seconds.
        """
        self._name = name
        self._slices = slices
        self._on_progress = on_progress
        self._clock = clock
        self._lock = threading.Lock()
        self._began = self._last = clock()
        self._done = 0
        self._records = 0

    def expect(self, slices: int) -> None:
        """Take another number of slices: some were cut."""
        with self._lock:
            self._slices = slices

    def add(self, records: int) -> None:
        """Count a slice with that many records, and write a progress line if one is due."""
        with self._lock:
            self._done += 1
            self._records += records
            now = self._clock()
            tenths = self._done * TENTH // self._slices
            due = tenths > (self._done - 1) * TENTH // self._slices or now - self._last >= EVERY
            line = self._line(now - self._began)
            if due:
                self._last = now
        if due:
            self._on_progress(line)

    def _line(self, seconds: float) -> str:
        """Return slices, records, the rate, and the time left at this rate; `seconds` is the time so far."""
        text = f"{self._name}: {self._done} of {self._slices} slices, {self._records:,} records"
        if seconds < 1:
            return text
        text += f", {self._records / seconds:,.0f} a second"
        left = seconds / self._done * (self._slices - self._done)
        return f"{text}, about {left:.0f} s left" if left else f"{text}, {seconds:.0f} s"
