"""dlt's detection of paging, for endpoints that declare no paginator.

As in dlt, a link or a cursor to the next page is followed. The pages then pass the same checks as those of a declared
paginator. A number of pages is not followed: dlt guesses the parameter and the number of the first page, and nothing
tells whether the last page was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlt.sources.helpers.rest_client import paginators
from dlt.sources.helpers.rest_client.detector import PaginatorFactory, single_entity_path
from requests import Response

from ecom_assets.declaration.reading import Resource, Shop

_SPELLINGS = {
    paginators.HeaderLinkPaginator: ("header_link", {}),
    paginators.JSONLinkPaginator: ("json_link", {"next_url_path": "next_url_path"}),
    paginators.JSONResponseCursorPaginator: ("cursor", {"cursor_path": "cursor_path"}),
    paginators.PageNumberPaginator: ("page_number", {}),
}
"""The type of each class that dlt detects, and its keys with the attributes that hold them."""


@dataclass(frozen=True)
class DetectedPaging:
    """The way from a first page to another one.

    Attributes:
        declaration: The paginator as a declaration has it.
        config: The same as a mapping. None if it is not followed.
    """

    declaration: str
    config: Mapping[str, Any] | None


def declares_paging(shop: Shop, resource: Resource) -> bool:
    """Tell whether it is declared how the pages of an endpoint follow each other.

    As in dlt, a path that ends in a placeholder is of one record and needs no paginator.
    """
    endpoint = resource.endpoint
    return endpoint is None or bool(
        endpoint.paginator or shop.client.paginator or single_entity_path(endpoint.path)
    )


def detect_paging(response: Response, rows: Sequence[Any]) -> DetectedPaging | None:
    """Return the paging that leads from a first page to another one.

    Args:
        response: The response to the first request.
        rows: The records in it.

    Returns:
        The paging, None if dlt detects no other page.
    """
    try:
        found, _ = PaginatorFactory().create_paginator(response)
        if type(found) not in _SPELLINGS:
            return None
        found.update_state(response, list(rows))
    except Exception:  # a body that confuses the detection names no paginator
        return None
    if not found.has_next_page:
        return None
    kind, attributes = _SPELLINGS[type(found)]
    keys = "".join(f", {key}: {getattr(found, attribute)}" for key, attribute in attributes.items())
    is_followed = kind != "page_number"
    config = {"type": kind, **{key: getattr(found, name) for key, name in attributes.items()}}
    return DetectedPaging(f"{{type: {kind}{keys}}}", config if is_followed else None)
