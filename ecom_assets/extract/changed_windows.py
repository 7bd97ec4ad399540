"""The windows in which something changed since an instant, found with few single requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe, open_probe
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.windows import Window, windows_between

_MANY_WINDOWS = 2
"""For more windows than this, one request about all of them comes first."""


def changed_windows(
    shop: Shop, since: datetime, now: datetime, *, secrets: Mapping[str, str] | None = None
) -> tuple[Window, ...]:
    """Return the closed windows that hold records which changed at `since` or later, in order.

    This takes one request for one record for each window and endpoint, and a second one for a page if that record
    lies beyond the window. An API without a filter cannot be asked; then all windows since are returned.

    Args:
        shop: The declared shop.
        since: The aware instant from which on changes count.
        now: The aware instant by which a window has to be closed.
        secrets: Secrets by name. What is missing comes from dlt's providers.

    Raises:
        ApiError: A request failed.
        MissingSecret: A secret was not found.
    """
    if shop.partitions is None:
        return ()
    closed = [
        window
        for window in windows_between(shop.partitions, shop.partitions.start, now)
        if window.end > since
    ]
    endpoints = [
        resource for resource in shop.resources if resource.endpoint and resource.endpoint.incremental
    ]
    if not closed or not endpoints:
        return ()
    if any(
        resource.endpoint.incremental.server_filter is False
        for resource in endpoints
        if resource.endpoint and resource.endpoint.incremental
    ):
        return tuple(closed)
    with open_probe(shop, secrets) as probe:

        def has_changed(start: datetime, end: datetime) -> bool:
            return any(_has_records(probe, shop, resource, max(start, since), end) for resource in endpoints)

        if len(closed) > _MANY_WINDOWS and not has_changed(closed[0].start, closed[-1].end):
            return ()
        return tuple(window for window in closed if has_changed(window.start, window.end))


def _has_records(probe: Probe, shop: Shop, resource: Resource, start: datetime, end: datetime) -> bool:
    """Tell whether an endpoint has records in `[start, end)`. The API may also return records beyond it."""
    for limit in (1, None):
        page = probe.page(resource, (start, end), limit=limit)
        instants = cursor_instants_of(shop, resource, page.records).to_pylist()
        if not instants or any(instant is None or start <= instant < end for instant in instants):
            return bool(instants)
    return page.total is None or page.total > len(instants)
