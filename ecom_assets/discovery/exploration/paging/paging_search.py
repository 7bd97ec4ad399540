"""Finds out how an endpoint pages: by the next page that its answers name, by parameters, or by the last key."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.paging.keyset_paging import find_keyset_paging
from ecom_assets.discovery.exploration.paging.parameter_paging import find_paging_by_parameters
from ecom_assets.discovery.exploration.paging.pointer_paging import PointerSearch, is_offset
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

_PLAIN = re.compile(
    r"(odata)?(next(page|link|url|uri|href|cursor|token|offset|key|marker|start)*|continuation(token)?)"
)
"""Names, in letters alone, that only a pointer to the next page has."""


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
        # names are tried one by one, so the likelier kind comes first
        return by_last_key() or by_parameters()
    found = find_range_paging(record_list) or by_parameters() or by_last_key()
    return found or _link_of_only_page(record_list)


def _link_of_only_page(record_list: RecordList) -> Paging | None:
    """Return paging by a link that leads to no other record: the list has one page, which shows where the link is.

    A load takes a link to the page's own address, or to an empty page, for the end. Another address with the same
    records shows the parameter of an offset.
    """
    response = record_list.first
    for path, url in next_links(response, record_list.path):
        target = unquote(urljoin(response.url, url))
        if not _leads_nowhere(record_list, response, url):
            continue
        pages = [found for page, found in record_list.pages if unquote(page.url) == target]
        if target == unquote(response.url) or not any(pages):
            evidence = f"the address at {path} brought no other record, as on a last page"
            return Paging({"type": "json_link", "next_url_path": path}, evidence)
        for name, value in parse_qsl(urlsplit(url).query):
            count = len(record_list.records)
            if value == "0" and is_offset(name) and not record_list.request_page({name: count})[1]:
                evidence = f"the address at {path} has {name}, and {name}={count} brought no record"
                return Paging({"type": "offset", "offset_param": name}, evidence)
    return None


def _leads_nowhere(record_list: RecordList, response: ApiResponse, url: str) -> bool:
    """Tell whether the address of a next page was followed and brought no record, or those of the same page."""
    target = unquote(urljoin(response.url, url))
    records = record_list.records_of(response)
    return target == unquote(response.url) or any(
        unquote(page.url) == target and (not found or found == records) for page, found in record_list.pages
    )


def open_signs(record_list: RecordList, response: ApiResponse) -> list[str]:
    """Return the places that say plainly that there is a next page, without those that were seen to lead nowhere.

    Args:
        record_list: The endpoint's list.
        response: An answer with a page of it.
    """
    path = record_list.path
    scalars = list(scalar_values(response.body, path))
    signs = [json_path(where) for where, value in scalars if says_more(where, value)]
    if not any(value is False and says_more(where, True) for where, value in scalars):
        signs += [
            json_path(where)
            for where, cursor in next_cursors(response, path)
            if _PLAIN.fullmatch(re.sub(r"[^a-z]", "", where[-1].lower()))
            and not any(cursor in page.params.values() and not found for page, found in record_list.pages)
        ]
    links = [(where, url) for where, url in next_links(response, path)]
    links += [("the header Link", link)] if (link := linked_page(response)) else []
    links += [("a header with the next address", url) for url in header_addresses(response)]
    signs += [where for where, url in links if not _leads_nowhere(record_list, response, url)]
    return signs + [f"the header {name}" for name, _ in header_cursors(response)]


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
