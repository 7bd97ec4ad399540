"""Cuts a slice of joined windows in half and reads it again, where it moved or failed, or is too large.

Halves are cut again, so that in the end a window that fails is alone, and the others are loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from dlt.extract import DltResource

from ecom_assets.declaration.reading import Resource
from ecom_assets.declaration.shop_rules.internal_names import windows_name
from ecom_assets.extract.paging.isolated_paginator import FAILURE
from ecom_assets.extract.paging.last_page import NOTHING
from ecom_assets.extract.paging.paginator import RECORDS
from ecom_assets.extract.read_plan import ReadPlan
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_assignment import tell_their_windows

Item = dict[str, Any]


def cut_where_needed(
    records: DltResource, resource: Resource, plan: ReadPlan, item_of: Callable[[Slice], Item]
) -> None:
    """Let dlt's resource with the records of an endpoint read the halves of a slice that cannot be taken as it is.

    Args:
        records: The dlt resource. dlt has one deferred call for each slice.
        resource: The resource with the endpoint.
        plan: What the run reads.
        item_of: Returns the item with the values of a slice, from which dlt makes its requests.
    """
    # dlt has no public way to a transformer's function
    pipe = records._pipe
    read: Any = pipe.gen
    id_key = f"_{windows_name(resource)}_id"

    def read_slices(items: Sequence[Item], meta: Any = None) -> Iterator[Callable[[], Any]]:
        for deferred in read(items, meta):
            yield partial(read_slice, deferred)

    def read_slice(deferred: Callable[[], list[Item]]) -> Any:
        began = time.monotonic()
        found = deferred()
        slice_ = plan.slice_of(found[0][id_key]) if found else None
        if slice_ is None or not slice_.is_joined:
            return found
        if not (reason := _reason_to_cut(resource, plan, slice_, found)):
            return found
        plan.connection.statistics.of(slice_.id).seconds = time.monotonic() - began
        # dlt calls what an iterator yields in any of its workers
        return read_slices([item_of(half) for half in plan.cut(slice_, reason)])

    pipe.replace_gen(read_slices)


def _reason_to_cut(resource: Resource, plan: ReadPlan, slice_: Slice, found: Sequence[Item]) -> str:
    """Return why the windows of a slice have to be read in smaller slices, empty if they have not."""
    for item in found:
        if FAILURE in item:
            return str(item[FAILURE])
        if plan.connection.statistics.of(slice_.id).confirmed_by == NOTHING:
            return "nothing confirms that its list was read to its end"
        if not tell_their_windows(plan.connection.shop, resource, slice_, item[RECORDS]):
            return "a record has no usable cursor, or lies outside, so only a window alone tells where it belongs"
    return ""
