"""Finds where an API reports how many records a list has, and tests whether the number is true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecom_assets.discovery.endpoint_draft import Guess, Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.response_structure import scalar_values
from ecom_assets.discovery.field_path import FieldPath, json_path

_TOTAL_NAMES = re.compile(r"total|count|found|matches|hits|results")
_OTHER_NAMES = re.compile(r"page|limit|offset|size|remaining|rate|retry|next|prev|price|amount")
_CONTENT_RANGE = re.compile(r".*/\s*(\d{1,15})\s*")
_TOLERANCE = 0.01
"""The share by which the total of a changing list may differ while a few requests are made."""

Place = tuple[str, str | FieldPath]
"""`total_path` with a path, or `total_header` with a header's name."""


def find_total(record_list: RecordList, complete: bool) -> Guess[dict[str, str]] | None:
    """Return where the API reports the total, None where no number agrees with the pages seen.

    Args:
        record_list: The endpoint's list.
        complete: One page holds all records, so that their number is known.
    """
    first_totals = possible_totals(*record_list.pages[0], record_list.path)
    places: list[Place] = list(dict.fromkeys(place for place, _ in first_totals))
    for key, where in sorted(places, key=_rank):
        by_page = [
            (dict(possible_totals(response, records, record_list.path)).get((key, where)), len(records))
            for response, records in record_list.pages
        ]
        numbers = [(number, length) for number, length in by_page if number is not None]
        if not numbers or not _is_constant(numbers):
            continue
        total = numbers[0][0]
        if complete and total != max(length for _, length in numbers):
            continue
        path = json_path(where) if isinstance(where, tuple) else where
        evidence = (
            f"{total} is the number of records that came"
            if complete
            else f"the same {total} with pages of {_lengths(numbers)} records"
        )
        return Guess({key: path}, evidence)
    return None


def _is_constant(numbers: Sequence[tuple[int, int]]) -> bool:
    """Tell whether a number stays the same while pages have other lengths, and is never below the length."""
    totals = [number for number, _ in numbers]
    lengths = {length for _, length in numbers}
    if (
        any(number < length for number, length in numbers)
        or max(totals) - min(totals) > _TOLERANCE * max(totals) + 1
    ):
        return False
    return not (len(lengths) > 1 and all(number == length for number, length in numbers))


def _lengths(numbers: Sequence[tuple[int, int]]) -> str:
    return " and ".join(map(str, sorted({length for _, length in numbers})))


def possible_totals(
    response: ApiResponse, records: Sequence[Any], records_path: FieldPath
) -> Iterator[tuple[Place, int]]:
    """Yield each whole number of an answer whose name says that it may count the records, with its place."""
    for path, value in scalar_values(response.body, records_path):
        name = path[-1].lower() if path[-1].lower() != "value" else ".".join(path[-2:]).lower()
        if _may_be_total(name) and (number := _whole_number(value)) is not None:
            yield ("total_path", path), number
    for name, text in response.headers.items():
        if in_range := _CONTENT_RANGE.fullmatch(text) if name.lower() == "content-range" else None:
            yield ("total_header", name), int(in_range[1])
        if _may_be_total(name.lower()) and (number := _whole_number(text)) is not None:
            yield ("total_header", name), number


def _may_be_total(name: str) -> bool:
    name = re.sub(r"total_?size", "total", name)
    return _TOTAL_NAMES.search(name) is not None and not _OTHER_NAMES.search(name)


def reports_more_records(response: ApiResponse, records: Sequence[Any], records_path: FieldPath) -> bool:
    """Tell whether an answer reports more records than it holds."""
    return any(number > len(records) for _, number in possible_totals(response, records, records_path))


def _whole_number(value: Any) -> int | None:
    text = str(value) if type(value) in (int, str) else ""
    return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def _rank(place: Place) -> tuple[bool, int, str]:
    """Return a sort key: names with "total" come first, then short paths."""
    where = place[1]
    path = where if isinstance(where, tuple) else (where,)
    return "total" not in path[-1].lower(), len(path), str(where)


def verify_on_last_page(
    record_list: RecordList, paging: Paging, total: Guess[dict[str, str]], size: int
) -> Guess[dict[str, str]] | None:
    """Request the last page and compare its length with the total.

    Args:
        record_list: The endpoint's list.
        paging: How its pages are requested.
        total: Where the total is reported.
        size: How many records a page has.

    Returns:
        The total with this evidence, as it was where the last page cannot be requested, None where the last page
        has another number of records.
    """
    number = total_in(total, *record_list.pages[-1], record_list.path)
    if number is None or number <= size:
        return total
    first = (number - 1) // size * size if paging.paginator["type"] == "page_number" else number - size // 2
    params = paging.params_at(size, first)
    if params is None:
        return total
    response, records = record_list.request_page(params)
    now = total_in(total, response, records, record_list.path)
    if response.refused or now is None or len(records) != now - first:
        return None
    return Guess(total.value, f"the last page, from record {first + 1} of {now}, has {len(records)} records")


def total_in(
    total: Guess[Mapping[str, str]] | Guess[dict[str, str]],
    response: ApiResponse,
    records: Any,
    records_path: FieldPath,
) -> int | None:
    """Return the total that an answer reports at a guessed place, None where there is none."""
    for (key, where), number in possible_totals(response, records, records_path):
        if total.value.get(key) == (json_path(where) if isinstance(where, tuple) else where):
            return number
    return None
