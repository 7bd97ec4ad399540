"""How many records a request asks for, and whether a page with so many records may be followed by another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request

USUAL_PAGE_SIZES = frozenset(
    (10, 20, 24, 25, 30, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250, 300, 400, 500, 1000)
)
"""Page sizes that APIs have by default or as their maximum. A page of such a size may be a full one."""

_NAMES = frozenset(
    (
        "limit",
        "size",
        "perpage",
        "count",
        "maxresults",
        "maxitems",
        "maxrecords",
        "first",
        "take",
        "top",
        "rows",
        "num",
    )
)
_ENDS = ("limit", "size", "perpage")


class PageSizes:
    """The page sizes that a request asks for: the values of its parameters that are named like one."""

    def __init__(self, request: Request, paginator: BasePaginator | None = None) -> None:
        """Take the first request of a list, and the paginator, which may know the page size."""
        limit = getattr(paginator, "limit", None)
        found = [value for _, _, value in _size_parameters(request)]
        self._sizes = frozenset([*found, limit] if isinstance(limit, int) else found)

    def __bool__(self) -> bool:
        """Tell whether the request asks for a page size."""
        return bool(self._sizes)

    def __str__(self) -> str:
        """Return the largest page size."""
        return str(max(self._sizes, default=""))

    def closest(self, count: int) -> int:
        """Return the page size that led to a page of so many records: the same number, else the largest one."""
        return count if count in self._sizes else max(self._sizes)

    def is_as_asked(self, count: int) -> bool:
        """Tell whether a page has as many records as the request asks for."""
        return count in self._sizes

    def may_be_full(self, count: int, longest: int, pages: int) -> bool:
        """Tell whether a page may have as many records as the API puts on one.

        Args:
            count: The number of records on the page.
            longest: The number of records on the longest page of the list so far.
            pages: How many pages of the list were read.
        """
        if count == 0:
            return False
        if not self._sizes:
            return count >= longest
        # an API may put fewer records on a page than the request asks for
        return (
            count >= max(self._sizes)
            or count in self._sizes | USUAL_PAGE_SIZES
            or (pages > 1 and count >= longest)
        )


def resize_pages(request: Request, size: int, count: int) -> bool:
    """Ask for another page size in place of `size`, and return whether the request asked for it."""
    places = [
        (place, name)
        for place, name, value in _size_parameters(request)
        if value == size and place is not None
    ]
    for place, name in places:
        place[name] = count
    return bool(places)


def _size_parameters(request: Request) -> Iterator[tuple[dict[str, Any] | None, str, int]]:
    """Yield the parameters and fields of a request that are named like a page size, with where they can be changed."""
    for place in (request.params, request.json, request.data):
        yield from _named_sizes(place)
    for name, value in parse_qsl(urlsplit(request.url or "").query):
        if _is_size_name(name) and (size := _size(value)):
            yield None, name, size


def _named_sizes(value: Any) -> Iterator[tuple[dict[str, Any], str, int]]:
    if not isinstance(value, dict):
        return
    for name, entry in value.items():
        if isinstance(entry, dict):
            yield from _named_sizes(entry)
        elif _is_size_name(name) and (size := _size(entry)):
            yield value, name, size


def _is_size_name(name: Any) -> bool:
    word = re.sub(r"[^a-z]", "", str(name).lower())
    return word in _NAMES or word.endswith(_ENDS)


def _size(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value)
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 10 else None
