"""The parameter for the size of a page, and the largest size up to 100 that is accepted."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ecom_assets.discovery.exploration.first_page import Listing
from ecom_assets.discovery.exploration.totals import counts
from ecom_assets.discovery.exploration.usual_names import SIZE_PARAMS

LARGEST = 100
"""Records that a page is asked for at most."""

_KEPT = 7
"""Requests that are left to other questions while names are tried one by one."""

_SMALLER = (50, 25, 20, 10)


def find_size_param(listing: Listing, habit: str | None, known: Collection[str]) -> str | None:
    """Return the parameter that says how many records come, None where none does or it cannot be told.

    All names go into one request, each with a number of its own, so that the number of records tells which of
    them counts; one by one where the API refuses unknown parameters. `known` are the names that a description
    of the API has, if there is one.
    """
    shown = len(listing.rows)
    if shown < 2:
        return habit
    if habit and len(listing.ask({habit: 1})[1]) == 1:
        return habit
    names = listing.asker.names(SIZE_PARAMS, known)
    if not names:
        return None
    if len(names) > 1 and not listing.strict:
        numbers = [number for number in range(1, len(names) + 2) if number != shown]
        wanted = dict(zip(names, numbers, strict=False))
        reply, rows = listing.ask(wanted)
        if not reply.refused:
            return next((name for name, number in wanted.items() if number == len(rows)), None)
        listing.strict = True
        names = sorted_by_refusal(names, reply.refusal)
    for name in names:
        if listing.asker.left <= _KEPT:
            break
        reply, rows = listing.ask({name: 1})
        if not reply.refused and len(rows) == 1:
            return name
    return None


def sorted_by_refusal(names: Collection[str], refusal: str) -> list[str]:
    """Return names, those that a refusal does not speak of first: it mostly names what is unknown."""
    words = set(re.findall(r"[\w.\[\]-]+", refusal))
    return sorted(names, key=lambda name: name in words)


def largest_size(listing: Listing, name: str, place: dict[str, Any]) -> tuple[int, list[Any], str]:
    """Return the largest accepted size, the records of a page of that size, and the evidence.

    `place` stands in the request for the first page, where the API wants that said.
    """
    reply, rows = listing.ask({**place, name: LARGEST})
    if not reply.refused and len(rows) <= LARGEST:
        return _judged(listing, name, place, rows)
    text = reply.refusal.partition("body:")[2]
    named = sorted(
        {int(number) for number in re.findall(r"\b\d{1,2}\b", text) if int(number) > 1}, reverse=True
    )
    for size in dict.fromkeys([*named[:1], *_SMALLER]):
        if listing.asker.left < 2:
            break
        reply, rows = listing.ask({**place, name: size})
        if not reply.refused and len(rows) <= size:
            return size, rows, f"{LARGEST} is refused, {size} is accepted"
    size = len(listing.rows)
    return size, listing.rows, f"{LARGEST} is refused; {size} is what comes without being asked for"


def _judged(
    listing: Listing, name: str, place: dict[str, Any], rows: list[Any]
) -> tuple[int, list[Any], str]:
    """Tell a list that ends from a size that is cut without a word."""
    if len(rows) == LARGEST:
        return LARGEST, rows, f"{LARGEST} records came when {LARGEST} were asked for"
    all_of_them = any(number == len(rows) for _, number in counts(*listing.replies[-1], listing.path))
    if len(rows) > len(listing.rows) or all_of_them or listing.asker.left < 3:
        return LARGEST, rows, f"{LARGEST} is accepted; {len(rows)} records came"
    # as many as without being asked: either these are all, or the API falls back to its usual size
    reply, some = listing.ask({**place, name: LARGEST // 2})
    if not reply.refused and len(rows) < len(some) <= LARGEST // 2:
        return LARGEST // 2, some, f"{LARGEST} is taken for {len(rows)}, {LARGEST // 2} is accepted"
    return LARGEST, rows, f"{LARGEST} is accepted; {len(rows)} records came"
