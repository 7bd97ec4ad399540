"""Tests whether a page cursor may be sent together with the parameters of a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ecom_assets.declaration.reading import Incremental
from ecom_assets.discovery.endpoint_draft import EndpointDraft
from ecom_assets.discovery.exploration.paging.next_page import next_cursor
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.extract.slices import Slice
from ecom_assets.extract.window_request import window_request

_EARLY = datetime(1990, 1, 1, tzinfo=timezone.utc)
_RESERVED_REQUESTS = 3


def check_pages_of_window(record_list: RecordList, endpoint: EndpointDraft) -> None:
    """Request the second page of a long window; declare that the cursor is sent alone if only that is accepted.

    Nothing is requested where a page size goes along with the cursor: the API takes other parameters beside it.
    """
    paging, found = endpoint.paging, endpoint.time_filter
    name = paging.paginator.get("cursor_param")
    start = found.incremental.get("start_param") if found else None
    if not found or not start or not name or paging.params or "keep_params" in paging.paginator:
        return
    if record_list.client.requests_left < _RESERVED_REQUESTS:
        return
    early = Slice("", (), _EARLY, _EARLY + timedelta(days=1))
    window = {start: window_request(early, Incremental.model_validate(dict(found.incremental))).start}
    cursor = next_cursor(record_list.request_filtered(window)[0], paging)
    if cursor is None or not record_list.request_filtered({**window, name: cursor})[0].refused:
        return
    response = record_list.client.request({name: cursor}, alone=True)
    if not response.refused and record_list.records_of(response):
        paginator = {**paging.paginator, "keep_params": []}
        evidence = f"{paging.evidence}; beside the time filter it is refused"
        endpoint.paging = replace(paging, paginator=paginator, evidence=evidence)
