"""What APIs usually call the parameters of paging, or the fields of a body, the likely names first."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

CURSOR_PARAMS = (
    "cursor", "page_token", "pageToken", "after", "starting_after", "next_cursor", "token", "page_info",
    "page[cursor]", "page[after]", "continuation", "continuationToken", "page",
)  # fmt: skip
OFFSET_PARAMS = ("offset", "skip", "start", "page[offset]", "$skip", "_start")
OFFSET_FIELDS = (*OFFSET_PARAMS, "from")
"""The fields of a body that hold an offset."""
AFTER_PARAMS = ("starting_after", "after", "after_id", "since_id", "last_id", "cursor", "id_gt", "min_id")
PAGE_PARAMS = ("page", "page_number", "pageNumber", "page[number]", "p", "_page", "pageNo", "page_no")
PAGE_FIELDS = ("page", "number", "page_number", "page_no", "p")
"""The fields of a body that hold the number of a page."""
TOTAL_PARAMS = (
    ("meta", "filter_count"), ("include_totals", "true"), ("count", "1"), ("with_count", "true"),
    ("include_total_count", "true"), ("$count", "true"), ("withTotal", "true"), ("include_total", "true"),
)  # fmt: skip
"""Parameters that ask for the total, with their values."""
SIZE_PARAMS = (
    "limit", "per_page", "page_size", "pageSize", "perPage", "size", "page[size]", "page[limit]", "count",
    "max_results", "maxResults", "results_per_page", "first", "take", "rows", "_limit", "$top", "page_limit",
    "itemsPerPage", "items_per_page",
)  # fmt: skip

ODATA_PARAMS = ("$top", "$skip", "$filter", "$count", "$orderby")
"""What an API takes whose answers have the annotations of OData."""

_ALIKE = {
    SIZE_PARAMS: re.compile(
        r"(max|page|per|num|record|result|item)*(size|limit|perpage|results|records|items|pages?length)|max"
    ),
    OFFSET_PARAMS: re.compile(r"(page|record|result|item|list)*(offset|skip|startindex|startat|firstresult)"),
    PAGE_PARAMS: re.compile(r"(current|result)?page(number|num|no|index|idx)?"),
}
"""What other names of parameters for the same purpose look like, in letters alone."""


def names_alike(usual: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the known parameters that are no usual names, but look like ones for the same purpose.

    Args:
        usual: Usual names for one purpose, such as SIZE_PARAMS.
        known: The parameters that the API is known to have.
    """
    pattern = _ALIKE.get(tuple(usual))
    words = {re.sub(r"[^a-z]", "", name.lower()) for name in usual}
    found = []
    for name in known:
        word = re.sub(r"[^a-z]", "", name.lower())
        if name not in usual and (word in words or (pattern and pattern.fullmatch(word))):
            found.append(name)
    return found


def likely_first(names: Sequence[str], size_param: str | None) -> list[str]:
    """Return names, first those that are written like the parameter for the size of a page.

    An API with `page[size]` has `page[number]`, one with `_limit` has `_page`, and one with `limit` has neither.
    """
    if size_param is None:
        return list(names)
    style = _style(size_param)
    usable = [name for name in names if _style(name) in (style, "")]
    return sorted(usable, key=lambda name: _style(name) != style)


def _style(name: str) -> str:
    return "[" if "[" in name else name[0] if name[:1] in ("_", "$") else ""
