"""Read plan: which slices a run reads, from which API, and for which tables."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.contract.contract import Contract
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.extract.slices import Slice, halves_of
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.progress import OnProgress

_MOST_CUTS = 8
"""How many slices of an endpoint are cut before one is read. Then joining is not what this API can do."""


class NotJoined(Exception):
    """The windows of an endpoint have to be read one by one. It never leaves `ecom_assets.load.read`."""


@dataclass(frozen=True)
class CountedSpan:
    """Adjacent windows, and how many records the API reported for all of them at once."""

    windows: tuple[Window, ...]
    total: int


@dataclass
class ReadPlan:
    """What a run wants read.

    Attributes:
        connection: The open API.
        slices: The slices to read, by the name of the resource with the endpoint.
        load_metrics: The figures of each wanted table, by name.
        contracts: The contract of each wanted table, by name.
        on_progress: Gets lines that say how far the reading is.
        paginator: Makes what reads the pages of a slice.
        counted: The windows that the slices join, with the records that the API reported for them.
        fetched: Where windows are joined: how many records of each window came.
        is_proved: Whether joining was found to be safe, or nobody has to look: one look serves all tables.
    """

    connection: ApiConnection
    slices: Mapping[str, Sequence[Slice]]
    load_metrics: Mapping[str, LoadMetrics]
    contracts: Mapping[str, Contract]
    on_progress: OnProgress = field(default=lambda text: None)
    paginator: Callable[..., SlicePaginator] = SlicePaginator
    counted: Sequence[CountedSpan] = ()
    fetched: Counter[Window] = field(default_factory=Counter)
    is_proved: bool = False

    def __post_init__(self) -> None:
        """Know each slice by its id."""
        self._lock = threading.Lock()
        self._by_id = {slice_.id: slice_ for parts in self.slices.values() for slice_ in parts}
        self._halves: dict[str, tuple[Slice, Slice]] = {}

    def slice_of(self, slice_id: str) -> Slice:
        """Return the slice with an id, also one that came of a cut."""
        return self._by_id[slice_id]

    def cut(self, slice_: Slice, reason: str) -> tuple[Slice, Slice]:
        """Return the halves of a slice, which are read in its place.

        Raises:
            NotJoined: Many slices were cut, and none was read.
        """
        with self._lock:
            halves = halves_of(slice_)
            statistics = self.connection.statistics
            if len(self._halves) >= _MOST_CUTS and not any(
                statistics.of(part.id).complete for part in self.leaves(slice_.id.partition("/")[0])
            ):
                raise NotJoined(reason)
            self._by_id |= {half.id: half for half in halves}
            self._halves[slice_.id] = halves
            statistics.isolate_halves(slice_.id, {half.id: len(half.windows) for half in halves})
        self.on_progress(f"{slice_.id} is cut in half and read again: {reason}")
        return halves

    def leaves(self, name: str) -> list[Slice]:
        """Return the slices in which an endpoint was read in the end, in order: halves in place of what was cut."""

        def leaves_of(parts: Sequence[Slice]) -> Iterator[Slice]:
            for part in parts:
                yield from leaves_of(self._halves[part.id]) if part.id in self._halves else (part,)

        return list(leaves_of(self.slices.get(name, ())))

    @property
    def cut_ids(self) -> list[str]:
        """Return the ids of the slices that were cut, the larger ones first, then those of all halves."""
        return [*self._halves, *(half.id for halves in self._halves.values() for half in halves)]

    def settle_cuts(self, count_id: str) -> None:
        """Put the slices that were read in the end in place of the planned ones, with the cost of what was cut.

        Args:
            count_id: The id under which the statistics have the requests that only counted records.
        """
        statistics = self.connection.statistics
        for slice_id in self._halves:
            first = self._first_read(slice_id)
            statistics.of(first.id).add_cost(statistics.of(slice_id))
        self.slices = {name: self.leaves(name) for name in self.slices}
        for parts in self.slices.values():
            first = next((part for part in parts if statistics.of(part.id).complete), parts[0])
            statistics.of(first.id).add_cost(statistics.of(count_id))
        for metrics in self.load_metrics.values():
            metrics.settle_slices(self.slices[metrics.slices[0].id.partition("/")[0]])

    def _first_read(self, slice_id: str) -> Slice:
        """Return the first slice of a cut one that was read, or else its first one."""
        found: list[Slice] = []
        pending = list(self._halves[slice_id])
        while pending:
            part = pending.pop(0)
            pending[:0] = self._halves.get(part.id, ())
            if part.id not in self._halves:
                found.append(part)
        return next((part for part in found if self.connection.statistics.of(part.id).complete), found[0])
