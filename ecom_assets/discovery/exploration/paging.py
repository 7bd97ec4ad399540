"""Finds out how an endpoint pages: by the next page that its answers name, else by trying parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from requests.utils import parse_header_links

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.parameter_names import AFTER_PARAMS, CURSOR_PARAMS, OFFSET_PARAMS
from ecom_assets.discovery.exploration.parameter_paging import find_paging_by_parameters
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.response_structure import scalar_values
from ecom_assets.discovery.field_path import FieldPath, json_path

_MAX_CURSOR_PARAMS = 4
"""How many parameters are tried for one cursor."""
_CURSOR_NAMES = re.compile(r"next|cursor|after|token|continuation")
_OTHER_NAMES = re.compile(r"prev|before|first|last|self|has|count|total|page$|csrf|access")


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
    for response, records in reversed(record_list.pages):
        if not records or response.refused:
            continue
        paging = _paging_from_response(record_list, response, records, known)
        if paging:
            return paging
    return find_paging_by_parameters(record_list, size_param, convention, known)


def signs_of_next_page(response: ApiResponse, records_path: FieldPath) -> list[str]:
    """Return the places of an answer that say that there is a next page."""
    places = [*_next_cursors(response, records_path), *_next_links(response, records_path)]
    paths = [path for path, _ in places]
    paths += [path for path, value in scalar_values(response.body, records_path) if _says_more(path, value)]
    return (
        [json_path(path) for path in paths]
        + [f"the header {name}" for name, _ in _header_cursors(response)]
        + ["a header with the next address" for _ in _header_addresses(response)]
    )


def _paging_from_response(
    record_list: RecordList, response: ApiResponse, records: list[Any], known: Collection[str]
) -> Paging | None:
    """Follow each next page that an answer names, and return the way that leads to other records."""
    sent = {key: value for key, value in response.params.items() if key not in record_list.client.params}
    scalars = scalar_values(response.body, record_list.path)
    has_more_path = next((json_path(path) for path, value in scalars if _says_more(path, value)), "")
    for path, cursor in _next_cursors(response, record_list.path):
        for name in _cursor_params(record_list, path, known)[:_MAX_CURSOR_PARAMS]:
            if record_list.are_other_records(record_list.request_page({**sent, name: cursor})[1], records):
                evidence = f"{name} with the value of {json_path(path)} brought other records"
                return Paging(_cursor_paginator(json_path(path), name, has_more_path), evidence)
    for path, url in _next_links(response, record_list.path):
        next_records = record_list.follow(urljoin(response.url, url))[1]
        if record_list.are_other_records(next_records, records):
            evidence = f"the address at {json_path(path)} brought other records"
            return Paging({"type": "json_link", "next_url_path": json_path(path)}, evidence)
    for link in parse_header_links(response.headers.get("Link", "")):
        url = urljoin(response.url, link["url"])
        if link.get("rel") == "next" and record_list.are_other_records(record_list.follow(url)[1], records):
            evidence = "the next address in the header Link brought other records"
            return Paging({"type": "header_link"}, evidence)
    for url in _header_addresses(response):
        paging = _paging_by_address(record_list, records, url)
        if paging:
            return paging
    for key, cursor in _header_cursors(response):
        for name in _cursor_params(record_list, (key.lower(),), known)[:_MAX_CURSOR_PARAMS]:
            if record_list.are_other_records(record_list.request_page({name: cursor})[1], records):
                paginator = {"type": "header_cursor", "cursor_key": key, "cursor_param": name}
                return Paging(paginator, f"{name} with the value of the header {key} brought other records")
    return _paging_by_last_record(record_list, records, has_more_path, sent, known) if has_more_path else None


def _header_addresses(response: ApiResponse) -> Iterator[str]:
    """Yield the addresses in headers such as `Next-Page`; `Link` has a form of its own."""
    for name, value in response.headers.items():
        if re.search(r"next|continuation", name.lower()) and _is_address(value.strip()):
            yield value.strip()


def _paging_by_address(record_list: RecordList, records: list[Any], url: str) -> Paging | None:
    """Return the paging whose parameter in an address leads to the next page, if it is a number."""
    following = record_list.follow(urljoin(record_list.first.url, url))[1]
    if not record_list.are_other_records(following, records):
        return None
    for name, value in parse_qsl(urlsplit(url).query):
        if value == str(len(records)) and name.lower() in OFFSET_PARAMS:
            paginator: dict[str, Any] = {"type": "offset"} | (
                {"offset_param": name} if name != "offset" else {}
            )
        elif value in ("1", "2") and name.lower() not in OFFSET_PARAMS and "size" not in name.lower():
            paginator = {"type": "page_number", "base_page": int(value) - 1}
            paginator |= {"page_param": name} if name != "page" else {}
        else:
            continue
        return Paging(paginator, f"{name}={value} in the next address in a header brought other records")
    return None


def _paging_by_last_record(
    record_list: RecordList,
    records: list[Any],
    has_more_path: str,
    sent: Mapping[str, Any],
    known: Collection[str],
) -> Paging | None:
    """Ask for the records after the last one of a page, where the answer says that there are more."""
    key = next(
        (name for name in ("id", "_id", "uuid") if isinstance(records[-1].get(name), (int, str))), None
    )
    names = record_list.client.usable_names(AFTER_PARAMS, known)
    for name in names[:_MAX_CURSOR_PARAMS] if key else ():
        next_records = record_list.request_page({**sent, name: records[-1][key]})[1]
        if record_list.are_other_records(next_records, records):
            path = f"{json_path(record_list.path)}[-1].{key}"
            evidence = f"{name} with the {key} of the last record brought others"
            return Paging(_cursor_paginator(path, name, has_more_path), evidence)
    return None


def _cursor_paginator(path: str, param: str, has_more_path: str) -> dict[str, Any]:
    paginator = {"type": "cursor", "cursor_path": path, "cursor_param": param}
    return {**paginator, "has_more_path": has_more_path} if has_more_path else paginator


def _says_more(path: FieldPath, value: Any) -> bool:
    return value is True and re.search(r"(^|_)more|next|hasmore", path[-1].lower()) is not None


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"https?://|/|\?", value) is not None


def _next_links(response: ApiResponse, records_path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    for path, value in scalar_values(response.body, records_path):
        if _is_address(value) and "next" in ".".join(path).lower():
            yield path, value


def _next_cursors(response: ApiResponse, records_path: FieldPath) -> Iterator[tuple[FieldPath, str | int]]:
    for path, value in scalar_values(response.body, records_path):
        name = path[-1].lower()
        if not _CURSOR_NAMES.search(name) or _OTHER_NAMES.search(name):
            continue
        if type(value) in (int, str) and value != "" and not _is_address(value):
            yield path, value


def _header_cursors(response: ApiResponse) -> Iterator[tuple[str, str]]:
    for name, value in response.headers.items():
        if re.search(r"next|cursor|continuation", name.lower()) and "://" not in value and value.strip():
            yield name, value


def _cursor_params(record_list: RecordList, path: FieldPath, known: Collection[str]) -> list[str]:
    """Return the names to try for the cursor at a path, the likely ones first."""
    name = path[-1].lower()
    if record_list.client.body is not None:
        return list(dict.fromkeys([*record_list.client.usable_names([name, *CURSOR_PARAMS], ()), path[-1]]))
    likely = [entry for entry in CURSOR_PARAMS if entry.lower().replace("_", "") in name.replace("_", "")]
    names = dict.fromkeys([*likely, *CURSOR_PARAMS, path[-1], *sorted(known)])
    return [entry for entry in names if not known or entry in known]
