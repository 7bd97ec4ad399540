"""The dlt resource with one item a slice, from which dlt makes the requests of an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dlt
from dlt.extract import DltResource

from ecom_assets.declaration.placeholders import END, START
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.shop_rules.internal_names import windows_name
from ecom_assets.extract.open_ended import start_parameter
from ecom_assets.extract.read_plan import ReadPlan
from ecom_assets.extract.request_template import path_segment, window_values
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request

BOUNDS = {"start": START, "end": END}
"""The fields of a slice's item, each with the placeholder that it fills."""


def slice_item(shop: Shop, resource: Resource, slice_: Slice) -> dict[str, Any]:
    """Return the item of a slice: its `id` and its window's values."""
    values: Mapping[str, str | int] = {}
    if resource.open_ended:
        values = {START: start_parameter(shop, resource, slice_.cursor)}
    elif resource.windowed:
        incremental = shop.incremental_of(resource.name)
        values = window_values(window_request(slice_, incremental), incremental)
    item: dict[str, Any] = {"id": slice_.id}
    for bound, placeholder in BOUNDS.items():
        item |= {
            bound: values.get(placeholder, ""),
            f"{bound}_in_path": path_segment(values.get(placeholder, "")),
        }
    return item


def slices_resource(shop: Shop, resource: Resource, plan: ReadPlan) -> DltResource:
    """Return the dlt resource on which the requests depend: one item a slice."""
    slices = plan.slices.get(resource.name, ())

    def slice_items() -> Iterator[list[dict[str, Any]]]:
        yield [slice_item(shop, resource, slice_) for slice_ in slices]

    return dlt.resource(slice_items, name=windows_name(resource), selected=False)
