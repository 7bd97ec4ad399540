"""What a run says while it reads: a line per tenth of an endpoint's slices, or after some seconds, never one for each.

Each line becomes an event in Dagster's log, which takes longer to write than a small slice to read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

OnProgress = Callable[[str], None]
"""Takes one line that tells a person how far something is."""

EVERY = 5.0
"""Seconds after which a line is due, however few slices were read meanwhile."""

TENTH = 10
"""Lines that an endpoint takes when it is read quickly."""


class Progress:
    """Counts the slices and records of one endpoint; workers may share it."""

    def __init__(
        self,
        name: str,
        slices: int,
        on_progress: OnProgress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the endpoint's name and how many slices it has."""
        self._name = name
        self._slices = slices
        self._on_progress = on_progress
        self._clock = clock
        self._lock = threading.Lock()
        self._began = self._last = clock()
        self._done = 0
        self._records = 0

    def add(self, records: int) -> None:
        """Count a slice, and say how far the reading is where a line is due."""
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
        """Return slices, records, the rate, and how long the rest will take at it."""
        text = f"{self._name}: {self._done} of {self._slices} slices, {self._records:,} records"
        if seconds < 1:
            return text
        text += f", {self._records / seconds:,.0f} a second"
        left = seconds / self._done * (self._slices - self._done)
        return f"{text}, about {left:.0f} s left" if left else f"{text}, {seconds:.0f} s"
