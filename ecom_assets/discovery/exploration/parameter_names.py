"""What APIs usually call the parameters of paging, or the fields of a body, the likely names first."""

from __future__ import annotations

CURSOR_PARAMS = (
    "cursor",
    "page_token",
    "pageToken",
    "after",
    "starting_after",
    "next_cursor",
    "token",
    "page",
)
OFFSET_PARAMS = ("offset", "skip", "start")
OFFSET_FIELDS = (*OFFSET_PARAMS, "from")
"""The fields of a body that hold an offset."""
AFTER_PARAMS = ("starting_after", "after", "after_id", "since_id", "last_id", "cursor")
PAGE_PARAMS = ("page", "page_number", "pageNumber", "page[number]", "p")
PAGE_FIELDS = ("page", "number", "page_number", "page_no", "p")
"""The fields of a body that hold the number of a page."""
TOTAL_PARAMS = (
    ("meta", "filter_count"), ("include_totals", "true"), ("count", "1"), ("with_count", "true"),
    ("include_total_count", "true"), ("$count", "true"), ("withTotal", "true"), ("include_total", "true"),
)  # fmt: skip
"""Parameters that ask for the total, with their values."""
SIZE_PARAMS = (
    "limit", "per_page", "page_size", "pageSize", "perPage", "size", "page[size]", "page[limit]", "count",
    "max_results", "maxResults", "results_per_page", "first", "take", "rows",
)  # fmt: skip
