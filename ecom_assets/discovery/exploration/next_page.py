"""Reads the page after the last one that was read, whatever the kind of paging."""

from __future__ import annotations

from urllib.parse import urljoin

from dlt.common import jsonpath
from requests.utils import parse_header_links

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.record_list import RecordList


def read_next_page(record_list: RecordList, paging: Paging) -> bool:
    """Request the next page of a list, and tell whether it has records."""
    response, records = record_list.pages[-1]
    kind = paging.paginator["type"]
    if not records:
        return False
    if kind in ("json_link", "header_link"):
        url = _next_url(response, paging)
        return bool(url and record_list.follow(urljoin(response.url, url))[1])
    if kind in ("cursor", "header_cursor"):
        cursor = _next_cursor(response, paging)
        params = {**paging.params, paging.paginator["cursor_param"]: cursor} if cursor else {}
        return bool(params and record_list.request_page(params)[1])
    size = paging.size or len(record_list.records)
    position = len(record_list.sample()) // size * size
    page_params = paging.params_at(size, position)
    return bool(page_params and record_list.request_page(page_params)[1])


def _next_url(response: ApiResponse, paging: Paging) -> str | None:
    if paging.paginator["type"] == "json_link":
        values = jsonpath.find_values(paging.paginator["next_url_path"], response.body)
        return str(values[0]) if values and values[0] else None
    links = parse_header_links(response.headers.get("Link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), None)


def _next_cursor(response: ApiResponse, paging: Paging) -> str | int | None:
    if paging.paginator["type"] == "header_cursor":
        return response.headers.get(paging.paginator["cursor_key"])
    values = jsonpath.find_values(paging.paginator["cursor_path"], response.body)
    return values[0] if values else None
