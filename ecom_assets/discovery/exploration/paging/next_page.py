"""Reads the page after the last one that was read, whatever the kind of paging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.paging.pointers import linked_page
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.extract.paging.body_path import BodyPath


def read_next_page(record_list: RecordList, paging: Paging) -> bool:
    """Request the next page of a list, and tell whether it has records."""
    response, records = record_list.pages[-1]
    kind = paging.paginator["type"]
    if not records:
        return False
    if kind in ("json_link", "header_link"):
        url = next_url(response, paging)
        return bool(url and record_list.follow(urljoin(response.url, url))[1])
    if kind in ("cursor", "header_cursor"):
        return bool(_request_after_cursor(record_list, paging, next_cursor(response, paging)))
    size = paging.size or len(record_list.records)
    position = len(record_list.sample()) // size * size
    page_params = paging.params_at(size, position)
    return bool(page_params and record_list.request_page(page_params)[1])


def _request_after_cursor(record_list: RecordList, paging: Paging, cursor: str | int | None) -> Sequence[Any]:
    """Return the records of the page that a cursor leads to, none without a cursor."""
    if not cursor:
        return ()
    paginator = paging.paginator
    alone = paginator.get("keep_params") == []
    params = {} if alone else dict(paging.params)
    if header := paginator.get("cursor_header"):
        return record_list.request_page(params, {header: str(cursor)})[1]
    return record_list.request_page({**params, paginator["cursor_param"]: cursor}, alone=alone)[1]


def next_url(response: ApiResponse, paging: Paging) -> str | None:
    """Return the address of the next page in an answer, None where it has none."""
    if paging.paginator["type"] == "json_link":
        values = BodyPath(paging.paginator["next_url_path"]).find(response.body)
        return str(values[0]) if values and values[0] else None
    return linked_page(response)


def next_cursor(response: ApiResponse, paging: Paging) -> str | int | None:
    """Return the cursor of an answer, None where it has none."""
    if paging.paginator["type"] == "header_cursor":
        return response.headers.get(paging.paginator["cursor_key"])
    values = BodyPath(paging.paginator["cursor_path"]).find(response.body)
    return values[0] if values else None


def has_pointer(response: ApiResponse, paging: Paging) -> bool:
    """Tell whether an answer leads on to another page than itself, where paging follows pointers."""
    if paging.paginator["type"] in ("json_link", "header_link"):
        url = next_url(response, paging)
        return bool(url) and urljoin(response.url, str(url)) != response.url
    more = paging.paginator.get("has_more_path")
    if more and BodyPath(more).find(response.body)[:1] == [False]:
        return False
    return bool(next_cursor(response, paging))
