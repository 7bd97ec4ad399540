"""Paging by a description alone: what its parameters, its headers and the fields around the records are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.description.described_search import is_paging_field
from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.evidence import described as described_evidence
from ecom_assets.discovery.exploration.paging.page_size import MAX_PAGE_SIZE
from ecom_assets.discovery.exploration.paging.pointers import derived_names
from ecom_assets.discovery.exploration.parameter_names import (
    AFTER_PARAMS,
    CURSOR_PARAMS,
    OFFSET_FIELDS,
    OFFSET_PARAMS,
    PAGE_FIELDS,
    PAGE_PARAMS,
    SIZE_PARAMS,
    names_alike,
)
from ecom_assets.discovery.field_path import FieldPath, json_path
from ecom_assets.discovery.tables.described_fields import AS_DESCRIBED

Find = Callable[[Sequence[str]], "str | None"]
"""Returns the parameter, or the field of the body, that has the first of some usual names."""

NOT_DESCRIBED = "no paging is described"
_NEXT = re.compile(r"next|cursor|continuation")
_NO_POINTER = re.compile(r"prev|before|first|self|has|is_|count|total|start_?cursor|more")
_MORE = re.compile(r"(^|_|has|is)_?(more|next)(page|_page|_items|_items_in_collection)?$")
_LINK_NAMES = (
    "href",
    "url",
    "uri",
    "next",
    "next_url",
    "next_href",
    "next_page_url",
    "nextlink",
    "@odata.nextlink",
)
_KEYS = ("id", "_id", "uuid")


def described_paging(described: DescribedEndpoint, *, in_body: bool = False) -> Paging:
    """Return how a description says that pages are requested, `single_page` where it does not.

    Args:
        described: The endpoint's description.
        in_body: The parameters are the fields of a body, by dotted path.
    """
    find = partial(_field_of_body if in_body else _parameter, described)
    size_param = find(SIZE_PARAMS)
    size, evidence = MAX_PAGE_SIZE, assumed("not described")
    if size_param:
        largest = described.params[size_param].get("maximum")
        if isinstance(largest, (int, float)) and largest >= 1:
            size = min(int(largest), MAX_PAGE_SIZE)
            evidence = described_evidence(f"at most {int(largest)} as described")
    params = {size_param: size} if size_param else {}
    offset = find(OFFSET_FIELDS if in_body else OFFSET_PARAMS)
    if offset:
        paginator: dict[str, Any] = {"type": "offset", "limit": size}
        paginator |= {"offset_param": offset} if offset != "offset" else {}
        paginator |= {"limit_param": size_param} if size_param not in (None, "limit") else {}
        return Paging(paginator, AS_DESCRIBED, {}, size, size_param, evidence)
    found = (
        _by_cursor(described, find)
        or _by_page_number(described, find(PAGE_FIELDS if in_body else PAGE_PARAMS))
        or _by_link(described)
        or _by_header(described, find)
        or _by_last_key(described, find(AFTER_PARAMS))
    )
    if found is None:
        return Paging({"type": "single_page"}, assumed(NOT_DESCRIBED), params, None, size_param, evidence)
    paging = Paging(found, AS_DESCRIBED, params, size, size_param, evidence)
    if is_first_page_unknown(described, paging):
        paging = replace(paging, evidence=assumed("pages are counted from 1, which is not described"))
    return paging


def _parameter(described: DescribedEndpoint, usual: Sequence[str]) -> str | None:
    """Return the likeliest parameter for one purpose."""
    names = [name for name in usual if name in described.params] + names_alike(usual, described.params)
    return next(iter(names), None)


def _field_of_body(described: DescribedEndpoint, usual: Sequence[str]) -> str | None:
    """Return the likeliest field of a body for one purpose."""
    return next((path for name in usual for path in described.params if is_paging_field(path, [name])), None)


def _pointers(described: DescribedEndpoint) -> list[FieldPath]:
    """Return the fields that may lead to the next page, the likeliest first."""
    paths = [
        path
        for path, entry in described.other_fields.items()
        if entry.data_type != "bool"
        and _NEXT.search(".".join(path).lower())
        and not _NO_POINTER.search(path[-1].lower())
    ]
    return sorted(paths, key=lambda path: "next" not in path[-1].lower())


def _is_link(path: FieldPath) -> bool:
    return path[-1].lower() in _LINK_NAMES and not path[-1].lower().endswith("cursor")


def _cursor_param(find: Find, name: str) -> str | None:
    """Return the parameter that takes a cursor with a name."""
    return find([*derived_names(name), *(entry for entry in CURSOR_PARAMS if entry != "page")])


def _has_more(described: DescribedEndpoint) -> dict[str, str]:
    for path, entry in described.other_fields.items():
        word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", path[-1]).lower()
        if entry.data_type == "bool" and _MORE.search(word):
            return {"has_more_path": json_path(path)}
    return {}


def _by_cursor(described: DescribedEndpoint, find: Find) -> dict[str, Any] | None:
    for path in _pointers(described):
        name = _cursor_param(find, path[-1])
        if name and not (name in PAGE_PARAMS and path[-1].lower().endswith("page")):
            paginator = {"type": "cursor", "cursor_path": json_path(path), "cursor_param": name}
            return paginator | _has_more(described)
    return None


def _by_page_number(described: DescribedEndpoint, page: str | None) -> dict[str, Any] | None:
    if page is None:
        return None
    first = _first_page(described.params[page])
    paginator: dict[str, Any] = {"type": "page_number", "base_page": 1 if first is None else first}
    return paginator | ({"page_param": page} if page != "page" else {})


def _first_page(about: Mapping[str, Any]) -> int | None:
    """Return the number of the first page, None where a description does not tell."""
    for key in ("minimum", "default"):
        if about.get(key) in (0, 1) and not isinstance(about.get(key), bool):
            return int(about[key])
    words = re.search(
        r"\b(zero|one|0|1)[- ]?(based|indexed)|(?:start\w*|begin\w*|counted) (?:at|with|from) (zero|one|0|1)\b",
        str(about.get("description", "")).lower(),
    )
    return None if words is None else int((words[1] or words[3]) in ("one", "1"))


def is_first_page_unknown(described: DescribedEndpoint, paging: Paging) -> bool:
    """Tell whether pages are numbered, and nothing tells whether from 0 or from 1."""
    about = described.params.get(str(paging.paginator.get("page_param", "page")), {})
    return paging.paginator["type"] == "page_number" and _first_page(about) is None


def _by_link(described: DescribedEndpoint) -> dict[str, Any] | None:
    paths = sorted(_pointers(described), key=lambda path: not _is_link(path))
    return {"type": "json_link", "next_url_path": json_path(paths[0])} if paths else None


def _by_header(described: DescribedEndpoint, find: Find) -> dict[str, Any] | None:
    if any(name.lower() == "link" for name in described.headers):
        return {"type": "header_link"}
    for name in described.headers:
        param = _cursor_param(find, name.lower()) if _NEXT.search(name.lower()) else None
        if param:
            return {"type": "header_cursor", "cursor_key": name, "cursor_param": param}
    return None


def _by_last_key(described: DescribedEndpoint, param: str | None) -> dict[str, Any] | None:
    key = next((name for name in _KEYS if (name,) in described.table.fields), None)
    if param is None or key is None:
        return None
    more = _has_more(described)
    is_time = str(described.params[param].get("format", "")).startswith("date")
    if is_time or (param == "after" and "before" in described.params and not more):
        return None  # a filter by time
    path = f"{json_path(described.records_path)}[-1].{key}"
    return {"type": "cursor", "cursor_path": path, "cursor_param": param} | more
