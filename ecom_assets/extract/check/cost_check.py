"""Check of what loads will cost: how many requests a backfill and a day take, and how long at the rate limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.check.outcome import Outcome
from ecom_assets.extract.probe import Page, Probe
from ecom_assets.extract.slices import cut_into_slices
from ecom_assets.extract.slicing.joining import join_windows
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import ApiError

_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cost:
    """About how many requests an endpoint takes: to load all closed windows in one run, and on an average day.

    A snapshot is loaded once in a backfill, and once a day. `unknown` says why nobody knows, empty otherwise.
    """

    resource: str
    backfill: int = 0
    a_day: int = 0
    unknown: str = ""


def endpoint_cost(
    probe: Probe, shop: Shop, resource: Resource, windows: Sequence[Window], first_page: Page, now: datetime
) -> Cost:
    """Return what an endpoint costs.

    Args:
        probe: The open API.
        shop: The declared shop.
        resource: The resource with the endpoint.
        windows: All closed windows.
        first_page: The first page of all records.
        now: The present, in UTC.
    """
    if resource.parent:
        return Cost(resource.name, unknown=f"one request at least for each record of {resource.parent}")
    if first_page.total is None:
        return Cost(resource.name, unknown="the API reports no total")
    a_page = max(len(first_page.records), 1)
    pages = math.ceil(first_page.total / a_page) or 1
    if not resource.windowed or not windows:
        verifies_once = pages == 1 or (resource.endpoint is not None and resource.endpoint.verify == "once")
        readings = 1 if verifies_once or resource.open_ended else 2
        return Cost(resource.name, readings * pages, readings * pages)
    tables = (resource, *shop.children_of(resource.name))
    slices = cut_into_slices(shop, resource.name, windows)
    try:
        joined = join_windows(probe, shop, resource, slices, tables, now, lambda text: None)
    except ApiError as error:
        return Cost(resource.name, unknown=f"the windows cannot be counted: {error}")
    if joined.counted:
        pages = math.ceil(sum(span.total for span in joined.counted) / a_page)
    a_window = math.ceil(pages / len(windows)) or 1
    if joined.counted or len(slices) == 1:
        # each slice has a page that is not full
        backfill = pages + len(joined.slices) + len(joined.counted)
    else:
        backfill = len(windows) * a_window
    if not shop.incremental_of(resource.name).server_filter:
        a_window = pages
    length = windows[-1].end - windows[-1].start
    return Cost(resource.name, backfill, math.ceil(a_window * (_A_DAY / length)))


def check_cost(shop: Shop, costs: Sequence[Cost], windows: int) -> Outcome:
    """Return about how many requests the shop takes.

    Args:
        shop: The declared shop.
        costs: The costs of its endpoints.
        windows: The number of closed windows.
    """
    unknown = "; ".join(f"{cost.resource}: {cost.unknown}" for cost in costs if cost.unknown)
    if all(cost.unknown for cost in costs):
        return "skipped", f"nobody knows how many requests a load takes: {unknown}"
    backfill = sum(cost.backfill for cost in costs)
    a_day = sum(cost.a_day for cost in costs)
    text = (
        f"a backfill of {windows} windows in one run takes about {backfill:,} requests{_time(shop, backfill)}, an "
        f"average day about {a_day:,}{_time(shop, a_day)}"
    )
    return "ok", f"{text}; unknown are {unknown}" if unknown else text


def _time(shop: Shop, requests: int) -> str:
    """Return how long requests take at the declared rate limit, for a message; empty without one."""
    rate = shop.policy.requests_per_second
    if not rate:
        return ""
    seconds = requests / rate
    for name, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f" ({seconds / length:,.0f} {name} at {rate:g} a second)"
    named = "about a second" if seconds < 1.5 else f"{seconds:,.0f} seconds"
    return f" ({named} at {rate:g} a second)"
