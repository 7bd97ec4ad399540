"""Check of a window: does the API honour it, and does it include the start, as the declaration says?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ecom_assets.contract.record_keys import keys_of
from ecom_assets.declaration.instant_format import resolution_of
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.probe import Probe
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import cursor_instants_of
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.errors import RefusedRequest

_FAR_AHEAD = timedelta(days=3650)
"""No shop has records that far in the future."""


def window_ahead_has_records(probe: Probe, resource: Resource, now: datetime) -> bool:
    """Tell whether records come for a day ten years after the aware present, as from an API that ignores the window.

    An API that refuses times in the future does not ignore them.

    Raises:
        ApiError: The request failed for another reason.
    """
    ahead = (now + _FAR_AHEAD, now + _FAR_AHEAD + timedelta(days=1))
    try:
        return bool(probe.page(resource, ahead, limit=1).records)
    except RefusedRequest:
        return False


def start_problem(probe: Probe, shop: Shop, resource: Resource, records: Sequence[Any]) -> str:
    """Return what is wrong with the declared start of windows, empty if nothing shows that.

    Asks for the instant of one record, and if it does not come, for that instant and a little before it. Records of
    these instants are in windows of their own, so a start that is excluded would lose them.

    Args:
        probe: The open API.
        shop: The declared shop.
        resource: A windowed resource with an endpoint of its own, whose requests state both ends of a window.
        records: Some records of it.

    Raises:
        ApiError: A request failed.
    """
    incremental = shop.incremental_of(resource.name)
    if incremental.bounds[0] == "(" or incremental.cursor == "window" or not incremental.sends_end:
        return ""
    step = resolution_of(incremental.format)
    instants = cursor_instants_of(shop, resource, records).to_pylist()
    # the parameter can only say some instants, such as whole seconds
    found = next(
        (
            (record, instant)
            for record, instant in zip(records, instants, strict=True)
            if instant and window_request(Slice("", (), instant, instant + step), incremental).low == instant
        ),
        None,
    )
    if found is None:
        return ""
    record, instant = found
    (key,) = keys_of([record], resource.key_paths)

    def comes(start: datetime) -> bool | None:
        """Tell whether the record comes from a start; None if there may be more pages."""
        page = probe.page(resource, (start, instant + step))
        if key in keys_of(page.records, resource.key_paths):
            return True
        is_whole = page.following is None or not page.records
        return False if is_whole and (page.total is None or page.total <= len(page.records)) else None

    if comes(instant) is not False or not comes(instant - step):
        return ""
    return (
        f"the record of {instant.isoformat()} does not come for a window that starts then: the API excludes the start, "
        f"so each window may lack records. Declare bounds: '({incremental.bounds[1]}'"
    )
