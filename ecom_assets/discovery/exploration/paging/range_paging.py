"""Finds paging by a request header such as `Range: items=0-99`, as HTTP has it for parts of a file."""

from __future__ import annotations

import re
from typing import Any

from ecom_assets.declaration.api.item_range import CONTENT_RANGE
from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.paging.page_size import MAX_PAGE_SIZE
from ecom_assets.discovery.exploration.record_list import RecordList

_RESERVED_REQUESTS = 4
"""Requests that stay for other questions."""


def find_range_paging(record_list: RecordList) -> Paging | None:
    """Ask for the second record by a range, where the first answer names a unit of ranges.

    Returns:
        The paging with the longest page that came, None where the API takes no range.
    """
    headers = record_list.first.headers
    found = re.match(r"\s*([A-Za-z_]\w*)", headers.get(CONTENT_RANGE) or headers.get("Accept-Ranges") or "")
    unit = found[1] if found else ""
    if unit in ("", "bytes", "none") or record_list.client.requests_left <= _RESERVED_REQUESTS:
        return None
    records = record_list.request_page({}, {"Range": f"{unit}=1-1"})[1]
    if len(records) != 1 or record_list.position(records) != 1:
        return None
    longest = record_list.request_page({}, {"Range": f"{unit}=0-{MAX_PAGE_SIZE - 1}"})[1]
    paginator: dict[str, Any] = {"type": "range"} | ({"unit": unit} if unit != "items" else {})
    evidence = f"the range {unit}=1-1 brought the second record alone"
    return Paging(paginator, evidence, size=max(len(longest), 1))
