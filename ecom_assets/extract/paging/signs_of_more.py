"""Signs in a response that a list has more pages, outside of the declared place for it.

A sign proves nothing by itself. It counts where the declared pointer to the next page was found nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from requests import Response

from ecom_assets.extract.paging.link_header import link_target

_NEXT = re.compile(
    r"(odata)?next(page|link|url|uri|href|cursor|token|offset|key|marker|start|id|number|params?)*"
)
_MORE = re.compile(r"(has|is)?(more|nextpage|next)(results|items|pages|records|data|available)?")
_CURSOR = re.compile(r".*(cursor|continuation|scroll|pagetoken).*")
_TOTAL = re.compile(
    r"x?(wp|odata)?(total|totalcount|totalresults|totalitems|totalrecords|totalelements|totalentries)"
)
_COUNTS = frozenset(("recordstotal", "odatacount", "totalhits", "numfound"))
_PAGES = frozenset(("totalpages", "pagecount", "lastpage", "numpages", "xtotalpages", "xwptotalpages"))
_WHOLE_RANGE = re.compile(r"\s*[^\d]*\b0\s*-\s*(\d+)\s*/\s*(\d+)\s*")
"""A Content-Range from the first record on, such as `items 0-24/25`."""
_TRUE = ("true", "1", "yes", "y")
_DEEPEST = 4


def sign_of_more(
    response: Response, count: int, *, by_cursor: bool, has_total: bool, pages: int = 1
) -> str | None:
    """Return the field or header that says that there are more records, None if there is none.

    Args:
        response: The response with the last page that was read.
        count: How many records were read.
        by_cursor: Whether the API is declared to give a cursor, so that another cursor is a sign too.
        has_total: Whether a total was compared already.
        pages: How many pages were read.
    """
    if link_target(response.headers.get("Link", ""), "next", response.url or ""):
        return "a Link header with rel=next"
    values: list[tuple[str, str, Any]] = []
    for name, value in response.headers.items():
        values.append((f"the header {name}", name, value))
    for path, value in _fields(_body_of(response)):
        values.append((f"the field {path}", path.rpartition(".")[2], value))
    for place, name, value in values:
        word = re.sub(r"[^a-z]", "", name.lower())
        text = str(value).strip().lower()
        if value is None or not text or text in ("0", "false", "null", "none"):
            continue
        if _MORE.fullmatch(word) and text in _TRUE:
            return f"{place}: {text}"
        if value is True:
            continue
        if _NEXT.fullmatch(word.removeprefix("x")) or (by_cursor and _CURSOR.fullmatch(word)):
            return place
        if not text.isascii() or not text.isdigit():
            continue
        is_total = word in _COUNTS or _TOTAL.fullmatch(word)
        if (is_total and not has_total and int(text) > count) or (word in _PAGES and int(text) > pages):
            return f"{place}: {text}"
    return None


def contradicts_end(response: Response, pages: int) -> str | None:
    """Return the field that contradicts an empty pointer to the next page, None if there is none.

    Args:
        response: The response with the last page that was read.
        pages: How many pages were read.
    """
    for path, value in _fields(_body_of(response)):
        word = re.sub(r"[^a-z]", "", path.rpartition(".")[2].lower())
        if _says_more(word, value):
            return f"the field {path}: {str(value).lower()}"
        if word in _PAGES and word != "pagecount" and type(value) is int and value > pages:
            return f"the field {path}: {value}"
    return None


def contradicts_total(response: Response) -> str | None:
    """Return what says that a page leads to another one, although the total was reached; None if nothing does.

    A number of pages does not count: it may be one of another page size.
    """
    if link_target(response.headers.get("Link", ""), "next", response.url or ""):
        return "a Link header with rel=next"
    for name, value in response.headers.items():
        if _MORE.fullmatch(_word(name)) and value.strip().lower() in _TRUE:
            return f"the header {name}: {value}"
    for path, value in _fields(_body_of(response)):
        word = _word(path.rpartition(".")[2])
        if _says_more(word, value):
            return f"the field {path}: {str(value).lower()}"
        if value and type(value) in (str, int) and _NEXT.fullmatch(word):
            return f"the field {path}"
    return None


def _says_more(word: str, value: Any) -> bool:
    """Tell whether a field says that there are more pages: true, 1 or a text such as `yes`."""
    if _MORE.fullmatch(word) is None or type(value) not in (bool, int, str):
        return False
    # `next: 1` and `nextPage: 1` may be the number of a page
    return value is True or (not word.startswith("next") and str(value).strip().lower() in _TRUE)


def _word(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()).removeprefix("x")


def is_partial(response: Response) -> bool:
    """Tell whether the status is 206, and the Content-Range does not show that this part is the whole list."""
    if response.status_code != 206:
        return False
    parts = _WHOLE_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return parts is None or int(parts[1]) + 1 != int(parts[2])


def _body_of(response: Response) -> Any:
    """Return the parsed body, None for an empty one."""
    return response.json() if response.content.strip() else None


def _fields(body: Any, above: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the single values of a body with their paths, without what is in lists."""
    if not isinstance(body, dict) or depth > _DEEPEST:
        return
    for name, value in body.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            href = value.get("href") or value.get("url")
            if href:
                yield path, href
            yield from _fields(value, f"{path}.", depth + 1)
        elif not isinstance(value, list):
            yield path, value
