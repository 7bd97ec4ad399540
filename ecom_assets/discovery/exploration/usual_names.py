"""What APIs call the parameters of paging, or the fields of a body, the likely names first."""

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
OFFSETS = ("offset", "skip", "start")
OFFSETS_IN_BODIES = (*OFFSETS, "from")
AFTER_PARAMS = ("starting_after", "after", "after_id", "since_id", "last_id", "cursor")
PAGES = ("page", "page_number", "pageNumber", "page[number]", "p")
PAGES_IN_BODIES = ("page", "number", "page_number", "page_no", "p")
SIZE_PARAMS = (
    "limit", "per_page", "page_size", "pageSize", "perPage", "size", "page[size]", "page[limit]", "count",
    "max_results", "maxResults", "results_per_page", "first", "take", "rows",
)  # fmt: skip
