"""Joins adjacent closed windows into slices of many pages, going by the number of records that the API reports for all.

A slice costs one request more than the pages that its records fill, however few these are. `docs/completeness.md` tells
which endpoints this is for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from ecom_assets.declaration.api.paginator import reported_total
from ecom_assets.declaration.cursor_meaning import tells_change
from ecom_assets.declaration.placeholders import END, START, placeholder_names
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe
from ecom_assets.extract.read_plan import CountedSpan
from ecom_assets.extract.slices import Slice, join_slices
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress

FEWEST_WINDOWS = 8
"""Fewer adjacent windows are not joined: the requests that count and check them are as many as could be saved."""
PAGES = 12
"""How many pages a slice has at most, if records are spread evenly. One more request a slice is then 8 %."""
MOST_PAGES = 10 * PAGES
"""A slice of joined windows with more pages is cut, so that no worker reads on alone and a restart is cheap."""
_FILL = 0.7
"""How much of a page a slice is to fill if the pages of a longer one have to be read twice."""
_NOT_OF_TODAY = timedelta(hours=1)
"""By how much the API's clock may be behind this machine's."""
_PAGED = ("offset", "page_number", "cursor", "json_link", "header_link", "header_cursor", "range")


class JoinedSlices(NamedTuple):
    """The slices of an endpoint, and the counted spans whose windows they join; none if nothing is joined."""

    slices: tuple[Slice, ...]
    counted: tuple[CountedSpan, ...] = ()


def count_id(resource: Resource) -> str:
    """Return the id under which the read statistics have the requests that only count records."""
    return f"{resource.name}/count"


def can_be_joined(shop: Shop, resource: Resource, tables: Sequence[Resource]) -> bool:
    """Tell whether the declaration says that a request for several windows brings what one for each would.

    Args:
        shop: The declared shop.
        resource: The resource with the endpoint.
        tables: The tables that are made of it.
    """
    endpoint = resource.endpoint
    if endpoint is None or not resource.windowed or resource.processing_steps:
        return False
    incremental = shop.incremental_of(resource.name)
    if not (incremental.sends_start and incremental.sends_end):
        return False
    if incremental.cursor == "window" or incremental.fallbacks:
        return False
    if {START, END} & (placeholder_names(endpoint.path) | placeholder_names(dict(endpoint.headers))):
        return False
    if any(len(shop.endpoints_to_read(table)) > 1 for table in tables):
        return False
    paginator = _paginator(shop, resource)
    return paginator.get("type") in _PAGED and bool(reported_total(paginator))


def join_windows(
    probe: Probe,
    shop: Shop,
    resource: Resource,
    slices: Sequence[Slice],
    tables: Sequence[Resource],
    began: datetime,
    on_progress: OnProgress,
) -> JoinedSlices:
    """Return the slices in which to read an endpoint: those given, or joined ones where `can_be_joined` holds.

    Each group of adjacent closed windows is counted with one request, for its first page. If the API refuses that, or
    reports no total, its windows stay slices of their own.

    Args:
        probe: Asks the API.
        shop: The declared shop.
        resource: The resource with the endpoint.
        slices: One slice a window, in order.
        tables: The tables that are made of the endpoint.
        began: When the run began, in UTC.
        on_progress: Gets a line if the windows of a group cannot be joined.
    """
    if not can_be_joined(shop, resource, tables):
        return JoinedSlices(tuple(slices))
    found: list[Slice] = []
    counted: list[CountedSpan] = []
    for group in _groups(slices, began):
        joined: list[Slice] = []
        if len(group) >= FEWEST_WINDOWS and (start := group[0].start) and (end := group[-1].end):
            try:
                page = probe.page(resource, (start, end), slice_id=count_id(resource))
            except ApiError as error:
                on_progress(
                    f"{resource.name}: reads its windows one by one, because all at once fail: {error}"
                )
                page = None
            if page is not None and page.total is not None and not page.ignored:
                joined = _joined(shop, resource, group, page.total, len(page.records))
                if joined:
                    windows = tuple(window for part in group for window in part.windows)
                    counted.append(CountedSpan(windows, page.total))
        found += joined or group
    return JoinedSlices(tuple(found), tuple(counted))


def slices_needed(pages: float, workers: int, pages_a_slice: float) -> int:
    """Return how many slices to read that many pages in: the same number for each worker, and two at least.

    Two, because one slice alone would have nothing to be compared with.
    """
    if pages_a_slice < 1:
        return max(2, math.ceil(pages / pages_a_slice))
    rounds = math.ceil(pages / (pages_a_slice * workers))
    return max(2, min(workers * rounds, math.ceil(pages / 2)))


def _groups(slices: Sequence[Slice], began: datetime) -> Iterator[list[Slice]]:
    """Yield adjacent closed windows together. A window that is open, or of today, comes alone."""
    midnight = began.replace(hour=0, minute=0, second=0, microsecond=0)
    closed_by = min(midnight, began - _NOT_OF_TODAY)
    group: list[Slice] = []
    for part in slices:
        is_closed = part.end is not None and part.end <= closed_by
        if group and not (is_closed and group[-1].end == part.windows[0].start):
            yield group
            group = []
        if is_closed:
            group.append(part)
        else:
            yield [part]
    if group:
        yield group


def _joined(shop: Shop, resource: Resource, group: Sequence[Slice], total: int, on_page: int) -> list[Slice]:
    """Return the slices for a group of windows with `total` records, none if they are better read one by one."""
    if total and not on_page:
        return []
    paginator = _paginator(shop, resource)
    overlap = 1 if paginator["type"] == "offset" else 0
    a_page = max(on_page, 1) - (overlap if on_page > 1 else 0)
    most_pages = min(MOST_PAGES, _pages_in_reach(shop, paginator, a_page) // 2)
    if most_pages < 1:
        return []
    once = tells_change(resource) or (resource.endpoint is not None and resource.endpoint.verify == "once")
    pages_a_slice = min(PAGES, most_pages) if once else _FILL
    number = slices_needed(total / a_page, shop.policy.concurrency, pages_a_slice)
    if number >= len(group):
        return []
    bounds = [position * len(group) // number for position in range(number + 1)]
    most_records = most_pages * a_page
    return [join_slices(group[first:last], most_records) for first, last in pairwise(bounds)]


def _pages_in_reach(shop: Shop, paginator: dict[str, Any], a_page: int) -> int:
    """Return how many pages of a list the declaration lets a run read."""
    reach = shop.policy.max_pages
    if (offset := paginator.get("maximum_offset")) is not None:
        reach = min(reach, (offset - (paginator.get("offset") or 0)) // a_page)
    if (last := paginator.get("maximum_page")) is not None:
        first = paginator.get("page")
        reach = min(reach, last - (first if first is not None else paginator.get("base_page") or 0))
    return reach


def _paginator(shop: Shop, resource: Resource) -> dict[str, Any]:
    declared = resource.endpoint.paginator if resource.endpoint else None
    return dict(declared or shop.client.paginator or {})
