"""What confirms that a list ends at the page where reading ended. A missing way to the next page alone does not.

A row that is missing in a list may be marked as deleted, so a sweep needs more than a load: see
`ecom_assets.extract.source_keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import BasePaginator, BaseReferencePaginator, OffsetPaginator
from requests import Response

from ecom_assets.declaration.reading import Endpoint
from ecom_assets.extract.answers.ignored_answers import ignored_status, is_ignored
from ecom_assets.extract.paging.guarded_paginator import GuardedPaginator

_SIZE_PARAMS = frozenset(
    {
        "limit", "per_page", "page_size", "pagesize", "perpage", "size", "page[size]", "page[limit]", "count",
        "max_results", "maxresults", "results_per_page", "first", "take", "top", "$top", "rows",
    }
)  # fmt: skip
"""What APIs usually call the parameter of the page size, in lower case."""

_ACCESS_STATUSES = (401, 403, 407, 429)
"""An ignored response with one of these statuses, or with 5xx, says nothing about the end of a list."""


class LastPage(NamedTuple):
    """The page at which reading ended.

    Attributes:
        pages: How many pages were read, this one included.
        total: The total that the API reported, None if it reported none.
        records: How many records the page has.
        longest: How many records the longest page has.
        limit: The page size that the requests ask for, None if they ask for none.
        in_records: Whether the way to the next page is a field of a record.
    """

    pages: int
    total: int | None
    records: int
    longest: int
    limit: int | None
    in_records: bool


def end_evidence(paginator: BasePaginator, response: Response, last: LastPage) -> str:
    """Return what confirms that a list ends with its last page, empty if nothing does.

    Args:
        paginator: The paginator, after it has read the page.
        response: The response with the page.
        last: The figures of the page.
    """
    if last.total is not None:
        return "the total"  # reading fails where other records came
    if is_ignored(response):
        status = ignored_status(response)
        is_past_end = last.pages > 1 and status not in _ACCESS_STATUSES and status < 500
        return f"status {status} past the end" if is_past_end else ""
    if last.records == 0:
        return "a page without records"
    if getattr(paginator, "has_more_path", None) is not None and not paginator.has_next_page:
        found = jsonpath.find_values(paginator.has_more_path, response.json())  # type: ignore[attr-defined]
        if found and str(found[0]).lower() in ("false", "0"):
            return "the field that says that there are no more pages"
    if type(paginator) is OffsetPaginator and last.pages > 1 and last.records == 1:
        return "a page that has only the last record of the page before"
    if isinstance(paginator, BaseReferencePaginator) and not last.in_records:
        if last.pages > 1:
            return "a page that leads to no other, after pages that did"
        if _is_null(paginator, response):
            return "a null in place of the next page"
    if isinstance(paginator, GuardedPaginator) and last.pages > 1:
        return "the paginator"
    if last.records < last.longest:
        return "a page shorter than the ones before"
    if last.limit is not None and last.records < last.limit and not _is_usual_size(last.records):
        return f"a page shorter than its limit of {last.limit}"
    return ""


def requested_page_size(endpoint: Endpoint, paginator: Mapping[str, Any]) -> int | None:
    """Return the page size that the requests of an endpoint ask for, None if they ask for none."""
    sizes = [paginator.get("limit"), *_sizes_in(endpoint.params), *_sizes_in(endpoint.json_body or {})]
    return next((int(size) for size in sizes if str(size).isdigit() and int(size) > 0), None)


def leads_into_records(paginator: BasePaginator, selector: str, body: Any) -> bool:
    """Tell whether a paginator takes the way to the next page from a record, such as `data[-1].id`."""
    path = getattr(paginator, "cursor_path", None) or getattr(paginator, "next_url_path", None)
    if path is None:
        return False
    records = selector.removeprefix("$").removeprefix(".").removesuffix("[*]")
    return isinstance(body, list) or str(path).startswith(f"{records}.[") or str(path) == records


def _is_null(paginator: BasePaginator, response: Response) -> bool:
    """Tell whether the field of the next page is there, and says that there is none."""
    path = getattr(paginator, "cursor_path", None) or getattr(paginator, "next_url_path", None)
    found = jsonpath.find_values(path, response.json()) if path is not None else []
    return bool(found) and not found[0]


def _is_usual_size(records: int) -> bool:
    """Tell whether an API may have cut a page to this length, although a longer one was asked for."""
    return records % 50 == 0 or records in (10, 20, 25, 30, 40)


def _sizes_in(values: Mapping[str, Any]) -> Iterable[Any]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _sizes_in(value)
        elif str(name).lower() in _SIZE_PARAMS:
            yield value
