"""What a description alone tells of an endpoint's paging, total and time filter: names, and nothing tried."""

from __future__ import annotations

import re

from ecom_assets.discovery.description.endpoint import AS_DESCRIBED, DescribedEndpoint
from ecom_assets.discovery.exploration.cursors import Cursor, filter_params
from ecom_assets.discovery.exploration.page_size import LARGEST
from ecom_assets.discovery.exploration.rows import Path, json_path
from ecom_assets.discovery.exploration.usual_names import CURSOR_PARAMS, OFFSETS, PAGES, SIZE_PARAMS
from ecom_assets.discovery.guess import Filter, Found, Guess, Paging

_CHANGED = re.compile(r"(^|_)(updated?|modified|changed)(_|$)")


def found_from(endpoint: DescribedEndpoint) -> Found:
    """Return what is known of an endpoint without asking it."""
    found = Found(
        path=endpoint.path,
        records=[],
        rows_at=endpoint.rows_at,
        selector=Guess(json_path(endpoint.rows_at), AS_DESCRIBED),
        paging=_paging(endpoint),
        total=_total(endpoint),
    )
    found.filter = _filter(endpoint)
    return found


def _paging(endpoint: DescribedEndpoint) -> Paging:
    size_param = next((name for name in SIZE_PARAMS if name in endpoint.params), None)
    size, why = LARGEST, "not described"
    if size_param:
        largest = endpoint.params[size_param].get("maximum")
        if isinstance(largest, (int, float)) and largest >= 1:
            size, why = min(int(largest), LARGEST), f"{int(largest)} at most as described"
    params = {size_param: size} if size_param else {}
    offset = next((name for name in OFFSETS if name in endpoint.params), None)
    page = next((name for name in PAGES if name in endpoint.params), None)
    nexts = [path for path in endpoint.outside if re.search("next|cursor", path[-1].lower())]
    cursor = next((name for name in CURSOR_PARAMS if name in endpoint.params), None)
    if offset:
        paginator = {"type": "offset", "limit": size}
        paginator |= {"offset_param": offset} if offset != "offset" else {}
        paginator |= {"limit_param": size_param} if size_param not in (None, "limit") else {}
        return Paging(paginator, AS_DESCRIBED, {}, size, size_param, why)
    if cursor and cursor != "page" and nexts:
        paginator = {"type": "cursor", "cursor_path": json_path(nexts[0]), "cursor_param": cursor}
        return Paging(paginator, AS_DESCRIBED, params, size, size_param, why)
    if page:
        first = endpoint.params[page].get("minimum", endpoint.params[page].get("default", 1))
        paginator = {"type": "page_number", "base_page": first if first in (0, 1) else 1}
        paginator |= {"page_param": page} if page != "page" else {}
        return Paging(paginator, AS_DESCRIBED, params, size, size_param, why)
    if nexts:
        return Paging(
            {"type": "json_link", "next_url_path": json_path(nexts[0])},
            AS_DESCRIBED,
            params,
            size,
            size_param,
            why,
        )
    if any(name.lower() == "link" for name in endpoint.headers):
        return Paging({"type": "header_link"}, AS_DESCRIBED, params, size, size_param, why)
    return Paging({"type": "single_page"}, "no paging is described", params, None, size_param, why)


def _total(endpoint: DescribedEndpoint) -> Guess[dict[str, str]] | None:
    paths: list[Path] = [
        path
        for path, entry in endpoint.outside.items()
        if entry.data_type == "bigint"
        and re.fullmatch(r"total(_?(count|results|items|records))?|count", path[-1].lower())
    ]
    if paths:
        return Guess(
            {"total_path": json_path(min(paths, key=lambda path: ("total" not in path[-1], len(path))))},
            AS_DESCRIBED,
        )
    header = next(
        (
            name
            for name in endpoint.headers
            if re.search(r"total", name.lower()) and "page" not in name.lower()
        ),
        None,
    )
    return Guess({"total_header": header}, AS_DESCRIBED) if header else None


def _filter(endpoint: DescribedEndpoint) -> Filter | None:
    for path, entry in endpoint.table.fields.items():
        if entry.data_type not in ("timestamp", "date") or not _CHANGED.search(path[-1].lower()):
            continue
        for start, ends in filter_params(Cursor(path, (), ()), list(endpoint.params), ()):
            form = "date" if endpoint.params[start].get("format") == "date" else "iso8601"
            form = "unix" if endpoint.params[start].get("type") in ("integer", "number") else form
            incremental = {"cursor_path": ".".join(path), "start_param": start}
            if ends:
                incremental["end_param"] = ends[0]
            incremental |= {"format": form, "bounds": "()"}
            return Filter(
                incremental,
                {"start_param": AS_DESCRIBED, "bounds": "not known, so one grain more is asked for"},
            )
    return None
