"""What a run counts of each table while it reads, and the reports that come of it.

Where the figures are written is `loading`'s; how a record is judged is `contract`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ecom_assets.client.read_statistics import ReadStatistics, SliceStatistics
from ecom_assets.contract.contract import ContractResult, RejectedRow
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import ContractBroken, IngestError

PREVIEWED = 5
"""Rows of a table that a report shows."""

_CLOCKS_APART = timedelta(hours=1)
"""By how much the API's clock may be behind this machine's."""


@dataclass(frozen=True)
class WindowReport:
    """What one load did for one window of one table, or for a snapshot, which has no window.

    `source_total` is what the API said it had, None where it does not say or the rows are a nested list's.
    `seconds` is the wall time that reading took. Figures of the reading are the same for tables of one endpoint.
    """

    resource: str
    partition_key: str | None
    window_start: datetime | None
    window_end: datetime | None
    source_total: int | None
    fetched: int
    kept: int
    rejected: int
    requests: int
    retries: int
    restarts: int
    seconds: float


@dataclass(frozen=True)
class ResourceReport:
    """What a run did for one table. With an `error` nothing of it was loaded, and the other fields are empty."""

    resource: str
    table: str
    windows: tuple[WindowReport, ...] = ()
    error: IngestError | None = None
    load_id: str | None = None
    discarded: Mapping[str, int] = field(default_factory=dict)
    preview: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class RunReport:
    """What a run did. `phases` are wall seconds of fetch, normalize, wait (for the warehouse) and load.

    `unpublished` tells why the copy for readers lacks what was loaded.
    """

    shop: str
    resources: Mapping[str, ResourceReport]
    phases: Mapping[str, float]
    unpublished: IngestError | None = None

    @property
    def errors(self) -> dict[str, IngestError]:
        """Return the failures by resource."""
        return {name: report.error for name, report in self.resources.items() if report.error}


@dataclass
class _Count:
    fetched: int = 0
    kept: int = 0
    rejected: int = 0


class LoadMetrics:
    """The figures of one table in one run."""

    def __init__(self, resource: Resource, slices: Sequence[Slice]) -> None:
        """Expect these slices; each of their windows is counted from zero, so an empty one is reported too."""
        self.resource = resource
        self.slices = slices
        self.rejected: list[tuple[str | None, RejectedRow]] = []
        self.parents: list[pa.Table] = []
        self.states: list[pa.Table] = []
        self.open: list[tuple[datetime, pa.Table, pa.Table]] = []
        self._began = datetime.now(timezone.utc)
        self.discarded: Counter[str] = Counter()
        self.preview: list[dict[str, Any]] = []
        self._read = 0
        self._counts: dict[str | None, _Count] = {key: _Count() for key in self.partition_keys}

    @property
    def partition_keys(self) -> list[str | None]:
        """Return the windows of the run by key; a snapshot has the one key None."""
        return [key for part in self.slices for key, _ in _windows(part)]

    def add(self, parts: Sequence[Slice], windows: Sequence[int], contracted: ContractResult) -> None:
        """Count the records of slices; `windows` tells of each the position of its window among all of theirs."""
        keys = [key for part in parts for key, _ in _windows(part)]
        for position, count in _by_window(windows).items():
            self._counts[keys[position]].fetched += count
        if not contracted.rejected:
            kept: Iterable[int] = windows
        else:
            kept = (windows[row] for row in contracted.kept_rows)
        for position, count in _by_window(kept).items():
            self._counts[keys[position]].kept += count
        for entry in contracted.rejected:
            key = keys[windows[entry.row]]
            self._counts[key].rejected += 1
            self.rejected.append((key, entry))
        self.discarded.update(contracted.discarded)
        if len(self.preview) < PREVIEWED:
            self.preview += contracted.kept.slice(0, PREVIEWED - len(self.preview)).to_pylist()
        self._read += len(parts)
        if self._read == len(self.slices):
            self._check_share()

    def is_open(self, part: Slice) -> bool:
        """Tell whether a slice's window was open when the run began.

        A record that changes while a run reads moves into such a window, from another slice of the run.
        """
        return len(self.slices) > 1 and part.end is not None and part.end > self._began - _CLOCKS_APART

    def add_states(self, parts: Sequence[Slice], states: pa.Table, rows: pa.Table | None = None) -> None:
        """Keep the keys and cursors of the records of slices, and the rows of their lists in an open window.

        A slice with an open window comes alone.
        """
        self.states.append(states)
        if rows is not None and parts[0].start is not None and self.is_open(parts[0]):
            self.open.append((parts[0].start, states, rows))

    def _check_share(self) -> None:
        """Raise ContractBroken when more of the records were rejected than the declaration allows."""
        allowed = self.resource.max_rejected
        # as a decimal: the double next to 0.29 is less than it, and 29 of 100 would be too many
        if allowed is not None and len(self.rejected) > Decimal(str(allowed)) * self.fetched:
            reasons = "; ".join(self.rejected[0][1].reasons)
            raise ContractBroken(
                f"{self.resource.name}: {len(self.rejected)} of {self.fetched} records were rejected, "
                f"max_rejected is {allowed:g}; the first one because of: {reasons}"
            )

    @property
    def fetched(self) -> int:
        """Return the number of records read."""
        return sum(count.fetched for count in self._counts.values())

    def reports(self, statistics: ReadStatistics) -> tuple[WindowReport, ...]:
        """Return a report for each window; the figures of a slice of several windows stand at its first one."""
        found = []
        for part in self.slices:
            reading = statistics.of(part.id)
            for place, (key, window) in enumerate(_windows(part)):
                cost = reading if place == 0 else SliceStatistics()
                count = self._counts[key]
                # the API's total was compared with all that came, part of which may lie outside of the window
                told = self.resource.rows_from is None and reading.source_total is not None
                found.append(
                    WindowReport(
                        resource=self.resource.name,
                        partition_key=key,
                        window_start=window.start if window else None,
                        window_end=window.end if window else None,
                        source_total=count.fetched if told else None,
                        fetched=count.fetched,
                        kept=count.kept,
                        rejected=count.rejected,
                        requests=cost.requests,
                        retries=cost.retries,
                        restarts=cost.restarts,
                        seconds=cost.seconds,
                    )
                )
        return tuple(found)


def _windows(part: Slice) -> list[tuple[str | None, Window | None]]:
    """Return a slice's windows by key, for a snapshot the one that is none."""
    return [(window.partition_key, window) for window in part.windows] or [(None, None)]


def _by_window(positions: Iterable[int]) -> Counter[int]:
    return Counter(positions)
