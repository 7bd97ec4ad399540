"""Shapes of APIs, each a server of its own with the declaration that loads it."""

from __future__ import annotations

from ecom_assets_tests.shapes import (
    basic_pages,
    date_ranges,
    keyset_cursor,
    local_time_no_filter,
    parent_children,
    post_search,
    token_header_links,
    twin_secrets,
    unix_seconds,
)
from ecom_assets_tests.shapes.shape import Shape, Tables

__all__ = ["SHAPES", "Shape", "Tables"]

SHAPES: dict[str, Shape] = {
    module.SHAPE.name: module.SHAPE
    for module in (
        basic_pages,
        twin_secrets,
        token_header_links,
        keyset_cursor,
        post_search,
        unix_seconds,
        local_time_no_filter,
        date_ranges,
        parent_children,
    )
}
