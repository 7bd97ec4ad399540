"""Finds out how an endpoint pages: by the next page that its answers name, by parameters, or by the last key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.paging.keyset_paging import find_keyset_paging
from ecom_assets.discovery.exploration.paging.parameter_paging import find_paging_by_parameters
from ecom_assets.discovery.exploration.paging.pointer_paging import PointerSearch
from ecom_assets.discovery.exploration.paging.pointers import (
    has_more_path,
    header_addresses,
    header_cursors,
    linked_page,
    next_cursors,
    next_links,
    says_more,
)
from ecom_assets.discovery.exploration.paging.range_paging import find_range_paging
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.response_structure import scalar_values
from ecom_assets.discovery.field_path import FieldPath, json_path


def find_paging(
    record_list: RecordList,
    size_param: str | None,
    convention: Mapping[str, Any],
    known: Collection[str],
) -> Paging | None:
    """Return how the next page is requested, None where nothing that was tried leads to one.

    Args:
        record_list: The endpoint's list.
        size_param: The parameter for the size of a page, None where there is none.
        convention: The paginator of the other endpoints, empty where there is none; it is tried first.
        known: The parameters that the API is known to have, empty where they are not known.
    """
    more = ""
    for response, records in reversed(record_list.pages):
        if records and not response.refused and signs_of_next_page(response, record_list.path):
            paging = PointerSearch(record_list, response, records, size_param, known).find()
            if paging:
                return paging
            more = has_more_path(response, record_list.path)
            break  # another page would only repeat the same requests
    by_parameters = partial(find_paging_by_parameters, record_list, size_param, convention, known)
    by_last_key = partial(find_keyset_paging, record_list, size_param, known, more)
    if more and record_list.refuses_unknown:
        return (
            by_last_key() or by_parameters()
        )  # names are tried one by one, so the likelier kind comes first
    return find_range_paging(record_list) or by_parameters() or by_last_key()


def signs_of_next_page(response: ApiResponse, records_path: FieldPath) -> list[str]:
    """Return the places of an answer that say that there is a next page."""
    paths = [json_path(path) for path, _ in next_cursors(response, records_path)]
    paths += [path for path, _ in next_links(response, records_path)]
    paths += [
        json_path(path)
        for path, value in scalar_values(response.body, records_path)
        if says_more(path, value)
    ]
    headers = [f"the header {name}" for name, _ in header_cursors(response)]
    headers += ["the header Link"] if linked_page(response) else []
    headers += ["a header with the next address" for _ in header_addresses(response)]
    return paths + headers
