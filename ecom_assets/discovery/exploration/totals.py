"""Where an API says how many records a list has, and whether that is true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecom_assets.discovery.exploration.first_page import Listing
from ecom_assets.discovery.exploration.requests import Reply
from ecom_assets.discovery.exploration.rows import Path, json_path, scalars
from ecom_assets.discovery.guess import Guess, Paging

_COUNTS = re.compile(r"total|count|found|matches|hits|results")
_NO_COUNTS = re.compile(r"page|limit|offset|size|remaining|rate|retry|next|prev|price|amount")
_SLACK = 0.01
"""The share by which the total of a list that lives may move while a few requests are made."""

Place = tuple[str, str | Path]
"""`total_path` or `total_header`, and the path or the header's name."""


def find_total(listing: Listing, whole: bool) -> Guess[dict[str, str]] | None:
    """Return where the number of records is said, unless what is said does not fit the pages seen.

    `whole` tells that one page holds all records, so that their number is known.
    """
    places: list[Place] = list(dict.fromkeys(place for place, _ in counts(*listing.replies[0], listing.path)))
    for key, where in sorted(places, key=_rank):
        seen = [
            (dict(counts(reply, rows, listing.path)).get((key, where)), rows)
            for reply, rows in listing.replies
        ]
        numbers = [(number, len(rows)) for number, rows in seen if number is not None]
        if not numbers or not _steady(numbers):
            continue
        total = numbers[0][0]
        if whole and total != max(length for _, length in numbers):
            continue
        written = json_path(where) if isinstance(where, tuple) else where
        pages = f"the same {total} beside pages of {_lengths(numbers)} records"
        why = f"{total} is the number of records that came" if whole else pages
        return Guess({key: written}, why)
    return None


def _steady(numbers: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a number keeps its value while pages change their length, and is never below it."""
    totals = [number for number, _ in numbers]
    lengths = {length for _, length in numbers}
    if (
        any(number < length for number, length in numbers)
        or max(totals) - min(totals) > _SLACK * max(totals) + 1
    ):
        return False
    return not (len(lengths) > 1 and all(number == length for number, length in numbers))


def _lengths(numbers: Sequence[tuple[int, int]]) -> str:
    return " and ".join(map(str, sorted({length for _, length in numbers})))


def counts(reply: Reply, rows: Sequence[Any], at: Path) -> Iterator[tuple[Place, int]]:
    """Yield each whole number of an answer that may count the records of the list."""
    for path, value in scalars(reply.body, at):
        name = path[-1].lower() if path[-1].lower() != "value" else ".".join(path[-2:]).lower()
        if _COUNTS.search(name) and not _NO_COUNTS.search(name) and (number := _whole(value)) is not None:
            yield ("total_path", path), number
    for name, text in reply.headers.items():
        counting = _COUNTS.search(name.lower()) and not _NO_COUNTS.search(name.lower())
        if counting and (number := _whole(text)) is not None:
            yield ("total_header", name), number


def more_than(reply: Reply, rows: Sequence[Any], at: Path) -> bool:
    """Tell whether an answer speaks of more records than it holds."""
    return any(number > len(rows) for _, number in counts(reply, rows, at))


def _whole(value: Any) -> int | None:
    text = str(value) if type(value) in (int, str) else ""
    return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def _rank(place: Place) -> tuple[bool, int, str]:
    """Sort what is called a total before another, then what lies shallow."""
    where = place[1]
    path = where if isinstance(where, tuple) else (where,)
    return "total" not in path[-1].lower(), len(path), str(where)


def verify_at_the_end(
    listing: Listing, paging: Paging, total: Guess[dict[str, str]], size: int
) -> Guess[dict[str, str]] | None:
    """Ask for the last page: return the total with that evidence, None where it holds another number.

    The total comes back as it was where the last page cannot be asked for.
    """
    number = total_in(total, *listing.replies[-1], listing.path)
    if number is None or number <= size:
        return total
    begin = (number - 1) // size * size if paging.paginator["type"] == "page_number" else number - size // 2
    place = paging.place(size, begin)
    if place is None:
        return total
    reply, rows = listing.ask(place)
    now = total_in(total, reply, rows, listing.path)
    if reply.refused or now is None or len(rows) != now - begin:
        return None
    return Guess(total.value, f"the page from record {begin + 1} of {now} on holds {len(rows)}")


def total_in(
    total: Guess[Mapping[str, str]] | Guess[dict[str, str]], reply: Reply, rows: Any, at: Path
) -> int | None:
    """Return the total that an answer reports at a guessed place."""
    for (key, where), number in counts(reply, rows, at):
        if total.value.get(key) == (json_path(where) if isinstance(where, tuple) else where):
            return number
    return None
