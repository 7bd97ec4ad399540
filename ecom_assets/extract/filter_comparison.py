"""Comparison of a window with the list without a filter: does the API's filter leave out everything?

Some APIs take any unknown parameter as a condition that no record meets. Then all windows are empty, and look loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ecom_assets.declaration.placeholders import END, START, placeholder_names
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.extract.probe import Bounds, Probe
from ecom_assets.extract.window_assignment import cursor_instants_of

_CLOCK_TOLERANCE = timedelta(hours=1)
"""Younger records prove nothing: the API's clock may be behind, and lists show new records late."""
_COMPARISON = re.compile(
    r"[\W\d_]*(gte?|lte?|ge|le|eq|after|before|since|until|from|to|min|max|between|and)?[\W\d_]*", re.I
)
"""What a parameter may have beside its placeholders, if it is a condition on the window and on nothing else."""


def filter_problem(
    probe: Probe,
    shop: Shop,
    resource: Resource,
    now: datetime,
    *,
    empty: Sequence[Bounds] = (),
    unfiltered: list[Any] | None = None,
) -> str:
    """Return what is wrong with a filter that leaves out all records, empty if nothing shows that.

    Takes one request for the list without a filter unless `unfiltered` has it, and one for a wide window if no record
    lies in a window that is known to be empty.

    Args:
        probe: The open API.
        shop: The declared shop.
        resource: A windowed resource with an endpoint of its own.
        now: The aware present.
        empty: Windows that brought no record.
        unfiltered: The records of the first page without a filter, if they are known.

    Raises:
        ApiError: A request failed.
    """
    incremental = shop.incremental_of(resource.name)
    endpoint = resource.endpoint and _without_window(resource.endpoint)
    # nothing tells the time of a record in the list without a filter
    if incremental.cursor == "window":
        return ""
    if endpoint is None or shop.partitions is None or not incremental.sends_start:
        return ""
    if unfiltered is None or endpoint.params != (resource.endpoint and resource.endpoint.params):
        unfiltered = probe.page(resource.model_copy(update={"endpoint": endpoint})).records
    wide = (shop.partitions.start, now - _CLOCK_TOLERANCE)
    records = probe.processed(resource, unfiltered)
    found = [instant for instant in cursor_instants_of(shop, resource, records).to_pylist() if instant]
    inside = [instant for instant in found if wide[0] <= instant < wide[1]]
    if not inside:
        return ""
    shown = next((moment for moment in inside if any(start <= moment < end for start, end in empty)), None)
    if shown is None and probe.page(resource, wide).records:
        return ""
    return (
        f"no record came for {incremental.parameter_names}, but the list without it has records of that time, such as "
        f"one of {(shown or inside[0]).isoformat()}. The API takes a parameter that it does not know as a condition, "
        "or reads the instants in another way. Check the names of the parameters, format and timezone, or declare "
        "server_filter: false"
    )


def _without_window(endpoint: Endpoint) -> Endpoint | None:
    """Return an endpoint that asks for all records, None if the request cannot do without its window."""
    window = {START, END}
    parts = (endpoint.path, endpoint.json_body, endpoint.data, endpoint.headers)
    if any(window & placeholder_names(part) for part in parts):
        return None
    params = {}
    for name, value in endpoint.params.items():
        if not window & placeholder_names(value):
            params[name] = value
        elif not isinstance(value, str) or not _COMPARISON.fullmatch(re.sub(r"\{[^}]*\}", "", value)):
            return None  # the parameter has other conditions too
        elif name.endswith("[value]"):
            return None  # other parameters name the field and the comparison
    return endpoint.model_copy(update={"incremental": None, "params": params})
