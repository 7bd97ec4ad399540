"""Sets of half-open intervals of time: which instants are in the set, and which parts of an interval are not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime

Interval = tuple[datetime, datetime]
"""Start and end of a half-open interval `[start, end)`; both instants are aware."""


class Intervals:
    """A set of instants, kept as disjoint intervals in order. Intervals that touch become one."""

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        """Start with the union of some intervals."""
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        for start, end in intervals:
            self.add(start, end)

    def parts(self) -> list[Interval]:
        """Return the disjoint intervals in order."""
        return list(zip(self._starts, self._ends, strict=True))

    def add(self, start: datetime, end: datetime) -> list[Interval]:
        """Add an interval, and return those parts of it that were not in the set before, in order."""
        gaps = self.gaps(start, end)
        if start < end:
            first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
            if first < last:
                start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
            self._starts[first:last], self._ends[first:last] = [start], [end]
        return gaps

    def gaps(self, start: datetime, end: datetime) -> list[Interval]:
        """Return the parts of an interval that are not in the set, in order."""
        found = []
        for position in range(bisect_right(self._ends, start), bisect_left(self._starts, end)):
            if self._starts[position] > start:
                found.append((start, self._starts[position]))
            start = max(start, self._ends[position])
        return [*found, (start, end)] if start < end else found

    def covers(self, start: datetime, end: datetime) -> bool:
        """Return whether the whole interval is in the set."""
        return not self.gaps(start, end)

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Return whether a part of the interval is in the set."""
        return self.gaps(start, end) != [(start, end)]
