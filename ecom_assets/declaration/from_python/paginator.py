"""dlt's paginator objects as a declaration has them: the type with its keys, or the object itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlt.sources.helpers.rest_client import paginators

from ecom_assets.declaration.api.page_count_path import is_page_count
from ecom_assets.declaration.api.paginator import OBJECT

_RANGE = {"stop_after_empty_page": "stop_after_empty_page", "has_more_path": "has_more_path"}
_OFFSET = {
    "limit": "limit",
    "offset": "initial_value",
    "offset_param": "param_name",
    "offset_body_path": "param_body_path",
    "limit_param": "limit_param",
    "limit_body_path": "limit_body_path",
    "total_path": "total_path",
    "maximum_offset": "maximum_value",
    **_RANGE,
}
_PAGE_NUMBER = {
    "base_page": "base_index",
    "page": "initial_value",
    "page_param": "param_name",
    "page_body_path": "param_body_path",
    "maximum_page": "maximum_value",
    **_RANGE,
}
_CURSOR = {name: name for name in ("cursor_path", "cursor_param", "cursor_body_path")} | _RANGE
_KINDS: Mapping[type[paginators.BasePaginator], tuple[str, Mapping[str, str]]] = {
    paginators.OffsetPaginator: ("offset", _OFFSET),
    paginators.PageNumberPaginator: ("page_number", _PAGE_NUMBER),
    paginators.JSONResponseCursorPaginator: ("cursor", _CURSOR),
    paginators.JSONLinkPaginator: ("json_link", {"next_url_path": "next_url_path"}),
    paginators.JSONResponsePaginator: ("json_link", {"next_url_path": "next_url_path"}),
    paginators.HeaderLinkPaginator: ("header_link", {"links_next_key": "links_next_key"}),
    paginators.HeaderCursorPaginator: (
        "header_cursor",
        {"cursor_key": "cursor_key", "cursor_param": "cursor_param"},
    ),
    paginators.SinglePagePaginator: ("single_page", {}),
}
"""The declared type of each of dlt's classes, and for each of its keys the attribute that has the value."""


def declared_paginator(value: Any) -> Any:
    """Return a paginator object as a mapping; anything else is returned as it is.

    An object of one of dlt's own classes becomes its type with its keys. All other objects are used themselves. The
    `total_path` of a PageNumberPaginator is the number of pages, by which dlt ends a list. Under a name that does not
    say so, such as dlt's default `total`, it often is the number of records, and is left out.
    """
    if not isinstance(value, paginators.BasePaginator):
        return value
    kind = type(value)
    if kind not in _KINDS:
        return {"type": kind.__name__, OBJECT: value}
    name, attributes = _KINDS[kind]
    keys = {key: getattr(value, attribute) for key, attribute in attributes.items()}
    if isinstance(value, paginators.PageNumberPaginator) and is_page_count(str(value.total_path)):
        keys["page_count_path"] = value.total_path
    # the objects hold compiled JSONPaths
    return {"type": name} | {
        key: str(entry) if key.endswith("_path") else entry
        for key, entry in keys.items()
        if entry is not None
    }
