"""Which kind of paging an endpoint has: what its answers say of a next page, else what parameters do.

The size of a page is `page_size`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from requests.utils import parse_header_links

from ecom_assets.discovery.exploration.first_page import Listing
from ecom_assets.discovery.exploration.requests import Reply
from ecom_assets.discovery.exploration.rows import Path, json_path, scalars
from ecom_assets.discovery.exploration.usual_names import (
    AFTER_PARAMS,
    CURSOR_PARAMS,
    OFFSETS,
    OFFSETS_IN_BODIES,
    PAGES,
    PAGES_IN_BODIES,
)
from ecom_assets.discovery.guess import Paging

_TRIED_CURSORS = 4
_CURSOR = re.compile(r"next|cursor|after|token|continuation")
_NO_CURSOR = re.compile(r"prev|before|first|last|self|has|count|total|page$|csrf|access")


def find_paging(
    listing: Listing, size_param: str | None, habit: Mapping[str, Any], known: Collection[str]
) -> Paging | None:
    """Return how the next page is asked for, None where nothing that was tried leads to one."""
    for reply, rows in reversed(listing.replies):
        if not rows or reply.refused:
            continue
        found = _by_answer(listing, reply, rows, known)
        if found:
            return found
    return _by_parameter(listing, size_param, habit, known)


def signs_of_more(reply: Reply, at: Path) -> list[str]:
    """Return where an answer speaks of a next page."""
    found = [json_path(path) for path, _ in [*_cursors(reply, at), *_links(reply, at)]]
    found += [json_path(path) for path, value in scalars(reply.body, at) if _says_more(path, value)]
    return found + [f"the header {name}" for name, _ in _header_cursors(reply)]


def _by_answer(listing: Listing, reply: Reply, rows: list[Any], known: Collection[str]) -> Paging | None:
    """Follow what an answer says of its next page, and see whether other records are there."""
    asked = {key: value for key, value in reply.params.items() if key not in listing.asker.params}
    more = next(
        (json_path(path) for path, value in scalars(reply.body, listing.path) if _says_more(path, value)), ""
    )
    for path, cursor in _cursors(reply, listing.path):
        for name in _cursor_params(listing, path, known)[:_TRIED_CURSORS]:
            if listing.others(listing.ask({**asked, name: cursor})[1], rows):
                why = f"{name} with the value of {json_path(path)} brought other records"
                return Paging(_by_cursor(json_path(path), name, more), why)
    for path, url in _links(reply, listing.path):
        if listing.others(listing.follow(urljoin(reply.url, url))[1], rows):
            why = f"the address at {json_path(path)} brought other records"
            return Paging({"type": "json_link", "next_url_path": json_path(path)}, why)
    for link in parse_header_links(reply.headers.get("Link", "")):
        following = urljoin(reply.url, link["url"])
        if link.get("rel") == "next" and listing.others(listing.follow(following)[1], rows):
            return Paging(
                {"type": "header_link"}, "the next address in the header Link brought other records"
            )
    for key, cursor in _header_cursors(reply):
        for name in _cursor_params(listing, (key.lower(),), known)[:_TRIED_CURSORS]:
            if listing.others(listing.ask({name: cursor})[1], rows):
                paginator = {"type": "header_cursor", "cursor_key": key, "cursor_param": name}
                return Paging(paginator, f"{name} with the value of the header {key} brought other records")
    return _by_last_record(listing, rows, more, asked, known) if more else None


def _by_last_record(
    listing: Listing, rows: list[Any], more: str, asked: Mapping[str, Any], known: Collection[str]
) -> Paging | None:
    """Ask for what comes behind the last record of a page, where the answer says that there is more."""
    key = next((name for name in ("id", "_id", "uuid") if isinstance(rows[-1].get(name), (int, str))), None)
    names = listing.asker.names(AFTER_PARAMS, known)
    for name in names[:_TRIED_CURSORS] if key else ():
        if listing.others(listing.ask({**asked, name: rows[-1][key]})[1], rows):
            path = f"{json_path(listing.path)}[-1].{key}"
            return Paging(
                _by_cursor(path, name, more), f"{name} with the {key} of the last record brought others"
            )
    return None


def _by_cursor(path: str, param: str, more: str) -> dict[str, Any]:
    paginator = {"type": "cursor", "cursor_path": path, "cursor_param": param}
    return {**paginator, "has_more_path": more} if more else paginator


def _says_more(path: Path, value: Any) -> bool:
    return value is True and re.search(r"(^|_)more|next|hasmore", path[-1].lower()) is not None


def _links(reply: Reply, at: Path) -> Iterator[tuple[Path, str]]:
    for path, value in scalars(reply.body, at):
        if isinstance(value, str) and re.match(r"https?://|/|\?", value) and "next" in ".".join(path).lower():
            yield path, value


def _cursors(reply: Reply, at: Path) -> Iterator[tuple[Path, str | int]]:
    for path, value in scalars(reply.body, at):
        name = path[-1].lower()
        if (
            not _CURSOR.search(name)
            or _NO_CURSOR.search(name)
            or type(value) not in (int, str)
            or value == ""
        ):
            continue
        if not (isinstance(value, str) and re.match(r"https?://|/|\?", value)):
            yield path, value


def _header_cursors(reply: Reply) -> Iterator[tuple[str, str]]:
    for name, value in reply.headers.items():
        if re.search(r"next|cursor|continuation", name.lower()) and "://" not in value and value.strip():
            yield name, value


def _cursor_params(listing: Listing, path: Path, known: Collection[str]) -> list[str]:
    """Return the names to try for a cursor that was found at a path, the likely ones first."""
    name = path[-1].lower()
    if listing.asker.body is not None:
        return list(dict.fromkeys([*listing.asker.names([name, *CURSOR_PARAMS], ()), path[-1]]))
    likely = [entry for entry in CURSOR_PARAMS if entry.lower().replace("_", "") in name.replace("_", "")]
    names = dict.fromkeys([*likely, *CURSOR_PARAMS, path[-1], *sorted(known)])
    return [entry for entry in names if not known or entry in known]


def _by_parameter(
    listing: Listing, size_param: str | None, habit: Mapping[str, Any], known: Collection[str]
) -> Paging | None:
    """Ask for another place in the list, and see which of the first page's records comes.

    What the other endpoints do is tried first; then all names at once, each with a number of its own, or one by one
    where the API refuses unknown parameters.
    """
    if len(listing.rows) < 2:
        return None
    one = {size_param: 1} if size_param else {}
    posted = listing.asker.body is not None
    offsets = listing.asker.names(OFFSETS_IN_BODIES if posted else OFFSETS, known)
    pages = listing.asker.names(PAGES_IN_BODIES if posted else PAGES, known)
    if habit.get("type") == "page_number":
        found = _one_page(listing, [habit.get("page_param", "page")], one)
    elif habit.get("type") == "offset":
        found = _one_offset(listing, [habit.get("offset_param", "offset")], one)
    else:
        found = (
            None if listing.strict or not (offsets or pages) else _all_at_once(listing, offsets, pages, one)
        )
        if not listing.strict:
            return found
    return found or _one_offset(listing, offsets[:1], one) or _one_page(listing, pages[:1], one)


def _all_at_once(
    listing: Listing, offsets: list[str], pages: list[str], one: Mapping[str, Any]
) -> Paging | None:
    """Ask for several places at once; the record that comes first tells which parameter counted."""
    size_param = next(iter(one), None)
    shown = len(listing.rows)
    places = {name: number for number, name in enumerate(offsets, 1) if number < shown}
    if not one:
        reply, rows = listing.ask({**places, **dict.fromkeys(pages, 2)})
        if reply.refused and len(offsets) > 1:
            return _all_at_once(listing, offsets[:1], pages[:1], one)
        listing.strict = reply.refused
        position = listing.position(rows)
        if reply.refused or position is None:
            return _one_page(listing, pages, one) if listing.others(rows, listing.rows) else None
        return next(
            (_offset(name, None, f"{name}={at}") for name, at in places.items() if at == position), None
        )
    # a page begins one or none before its number, so the numbers keep apart
    places |= {name: 5 + 3 * number for number, name in enumerate(pages) if 5 + 3 * number < shown}
    if "page" in pages and "page" not in places and shown > 4:
        places = {"page": 4} | {name: number for name, number in places.items() if number < 3}
    if not places:
        return _one_offset(listing, offsets[:1], one) or _one_page(listing, pages[:1], one)
    reply, rows = listing.ask({**one, **places})
    if reply.refused and len(offsets) > 1:
        # another name, such as `start`, may mean something else here
        return _all_at_once(listing, offsets[:1], pages[:1], one)
    listing.strict = reply.refused
    position = listing.position(rows)
    for name, number in places.items():
        if name in offsets and position == number:
            return _offset(name, size_param, f"{name}={number} brought the record at that position")
        if name in pages and position in (number - 1, number):
            return _page(
                name, number - position, f"page {number} of one record brought the one at {position}"
            )
    return None


def _one_offset(listing: Listing, names: list[str], one: Mapping[str, Any]) -> Paging | None:
    for name in names:
        reply, rows = listing.ask({**one, name: 1})
        if not reply.refused and listing.position(rows) == 1:
            return _offset(name, next(iter(one), None), f"{name}=1 brought the second record first")
    return None


def _one_page(listing: Listing, names: list[str], one: Mapping[str, Any]) -> Paging | None:
    for name in names:
        reply, rows = listing.ask({**one, name: 2})
        if reply.refused or not rows:
            continue
        position = listing.position(rows)
        if one and position in (1, 2):
            return _page(name, 2 - position, f"page 2 of one record brought the one at position {position}")
        if not one and listing.others(rows, listing.rows):
            reply, first = listing.ask({name: 1})
            base = 1 if listing.position(first) == 0 else 0
            return _page(name, base, f"{name}=2 brought other records")
    return None


def _offset(name: str, size_param: str | None, why: str) -> Paging:
    paginator: dict[str, Any] = {"type": "offset"}
    if name != "offset":
        paginator["offset_param"] = name
    if size_param and size_param != "limit":
        paginator["limit_param"] = size_param
    return Paging(paginator, why)


def _page(name: str, base: int, why: str) -> Paging:
    paginator: dict[str, Any] = {"type": "page_number", "base_page": base}
    if name != "page":
        paginator["page_param"] = name
    return Paging(paginator, why)
