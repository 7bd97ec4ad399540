"""dlt's detection of paging, for endpoints that declare no paginator.

dlt follows what it detects. A guess cannot prove that it reads every page, so here it only tells that there are more.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from dlt.sources.helpers.rest_client import paginators
from dlt.sources.helpers.rest_client.detector import PaginatorFactory, single_entity_path
from requests import Response

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.foundation.errors import IncompleteSlice

_SPELLINGS = {
    paginators.HeaderLinkPaginator: ("header_link", {}),
    paginators.JSONLinkPaginator: ("json_link", {"next_url_path": "next_url_path"}),
    paginators.JSONResponseCursorPaginator: ("cursor", {"cursor_path": "cursor_path"}),
    paginators.PageNumberPaginator: ("page_number", {}),
}
"""The type of each class that dlt detects, and its keys with the attributes that hold them."""


def declares_paging(shop: Shop, resource: Resource) -> bool:
    """Tell whether it is declared how the pages of an endpoint follow each other.

    As in dlt, a path that ends in a placeholder is of one record and needs no paginator.
    """
    endpoint = resource.endpoint
    return endpoint is None or bool(
        endpoint.paginator or shop.client.paginator or single_entity_path(endpoint.path)
    )


def undeclared_paging(response: Response, rows: Sequence[Any]) -> str | None:
    """Return the paginator that leads from a first page to another one, as a declaration has it.

    Args:
        response: The response to the first request.
        rows: The records in it.

    Returns:
        The text of the paginator, None if dlt detects no other page.
    """
    try:
        found, _ = PaginatorFactory().create_paginator(response)
        if type(found) not in _SPELLINGS:
            return None
        found = copy.deepcopy(found)
        found.update_state(response, list(rows))
    except Exception:  # a body that confuses the detection names no paginator
        return None
    if not found.has_next_page:
        return None
    kind, attributes = _SPELLINGS[type(found)]
    keys = "".join(f", {key}: {getattr(found, attribute)}" for key, attribute in attributes.items())
    return f"{{type: {kind}{keys}}}"


def refuse_undeclared_paging(resource: str, response: Response, rows: Sequence[Any]) -> None:
    """Raise IncompleteSlice if a first response leads to another page although no paginator is declared."""
    if found := undeclared_paging(response, rows):
        raise IncompleteSlice(
            f"{resource}: no paginator is declared, and the response leads to another page. Declare paginator: "
            f"{found}, which dlt detects here, or paginator: single_page if this is everything"
        )
