"""Shows that a request for several windows brings what one for each would, from what a run read of them.

An API may cut an interval that is longer than it likes, or a list that is longer than it likes, without a word. Each
slice alone then looks complete. But the slices together have more records than the API reports for all windows at once,
unless everything seems to lie within the width of one slice. Only then are a few more intervals counted: those of the
widest slice's width that lie right behind the first window with records and right before the last one, each without and
with that window. With the window, an interval must have at least the window's records more.

- The API cuts intervals to the last (or first) days: the count of all windows has the records of those days. So has the
  last (or first) slice, and any record elsewhere makes the sum larger. If the records lie further apart than the widest
  slice is wide, and the sum is not larger, the API honours intervals of that width. If they do not, and the API cuts
  intervals of that width, it cuts both intervals of one pair to the same days: the window makes no difference, however
  small the part is that a slice has lost.
- The API cuts lists to a number of records: all windows have this number, and so has a slice that is cut. Any record of
  another slice makes the sum larger. Of the cut slice, an interval with the first (or last) window has this number too.
  It is enough only if all records that are missing are of that window. They cannot all be of both, unless the slice
  has one window with records, and a request for that window alone would bring no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe, probe_of
from ecom_assets.extract.read_plan import CountedSpan, NotJoined, ReadPlan
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.slicing.joining import count_id
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import Window, window_at
from ecom_assets.foundation.errors import ApiError

Interval = tuple[datetime, datetime]

_FAILED = "it could not be compared: "


def require_sum_of_slices(plan: ReadPlan, resource: Resource) -> None:
    """Raise NotJoined if the slices of joined windows are not surely everything that these windows have.

    Args:
        plan: What the run reads; all slices of the endpoint have been read.
        resource: The resource with the endpoint.
    """
    shop = plan.connection.shop
    if plan.is_proved:
        return
    plan.is_proved = True
    slices = [part for part in plan.leaves(resource.name) if part.is_joined]
    for span in plan.counted:
        within = [part for part in slices if part.windows[0] in span.windows]
        if within and (problem := _problem(plan, shop, resource, span, within)):
            raise NotJoined(problem)


def _problem(
    plan: ReadPlan, shop: Shop, resource: Resource, span: CountedSpan, slices: Sequence[Slice]
) -> str:
    fetched = sum(plan.fetched[window] for window in span.windows)
    if fetched > span.total:
        return f"the slices have {fetched} records, but for all of them at once the API reports {span.total}"
    widest = max(part.end - part.start for part in slices if part.start and part.end)
    filled = [window for window in span.windows if plan.fetched[window]]
    if filled and filled[-1].start - filled[0].end > widest:
        return ""
    counts = _Counts(probe_of(plan.connection), shop, resource)
    try:
        if not filled:
            known = _known_window(counts.probe, shop, resource)
            filled = [known] if known else []
            seen = {known: 1} if known else {}
        else:
            seen = {window: plan.fetched[window] for window in filled}
        if not filled:
            return ""
        first, last = filled[0], filled[-1]
        after, before = (first.end, first.end + widest), (last.start - widest, last.start)
        if not (
            counts.exceeds((first.start, after[1]), after, seen[first])
            and counts.exceeds((before[0], last.end), before, seen[last])
        ):
            return "the API reports fewer records for a long interval than for its parts"
        return ""
    except ApiError as error:
        return _FAILED + str(error)


def _known_window(probe: Probe, shop: Shop, resource: Resource) -> Window | None:
    """Return the window of some record that the API has, None if it has none or its cursor tells none."""
    records = probe.page(resource, slice_id=count_id(resource)).records
    instants = [entry for entry in cursor_instants_of(shop, resource, records).to_pylist() if entry]
    return window_at(shop.partitions, instants[0]) if instants and shop.partitions else None


class _Counts:
    """Counts the records of intervals, with one request for each."""

    def __init__(self, probe: Probe, shop: Shop, resource: Resource) -> None:
        self.probe = probe
        self._shop = shop
        self._resource = resource

    def of(self, start: datetime, end: datetime) -> int:
        """Return the number of records that the API reports; raises ApiError if it reports none."""
        page = self.probe.page(self._resource, (start, end), slice_id=count_id(self._resource))
        if page.total is None:
            raise ApiError(f"{self._resource.name}: the API reports no total")
        return page.total

    def exceeds(self, whole: Interval, part: Interval, by: int) -> bool:
        """Tell whether an interval has at least that many records more than a part of it."""
        return self.of(*whole) >= self.of(*part) + by
