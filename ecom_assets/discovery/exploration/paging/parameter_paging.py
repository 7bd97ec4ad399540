"""Finds out how an endpoint pages by trying parameters for an offset or for the number of a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.parameter_names import (
    OFFSET_FIELDS,
    OFFSET_PARAMS,
    PAGE_FIELDS,
    PAGE_PARAMS,
    likely_first,
)
from ecom_assets.discovery.exploration.record_list import RecordList

_RESERVED_REQUESTS = 3
"""Requests that stay for other questions while names are tried one by one."""
_MAX_ROUNDS = 3
"""Requests that try several names at once, since a short first page tells few of them apart."""


def find_paging_by_parameters(
    record_list: RecordList,
    size_param: str | None,
    convention: Mapping[str, Any],
    known: Collection[str],
) -> Paging | None:
    """Ask for another place in the list, and see which of the first page's records comes.

    The other endpoints' paging is tried first. Then all names are tried in one request, each with another number, or
    one by one where the API refuses unknown parameters.

    Args:
        record_list: The endpoint's list.
        size_param: The parameter for the size of a page, None where there is none.
        convention: The paginator of the other endpoints, empty where there is none.
        known: The parameters that the API is known to have, empty where they are not known.

    Returns:
        None where no parameter works, or the list has fewer than two records.
    """
    if len(record_list.records) < 2:
        return None
    one_record = {size_param: 1} if size_param else {}
    is_post = record_list.client.body is not None
    offsets = record_list.client.usable_names(OFFSET_FIELDS if is_post else OFFSET_PARAMS, known)
    pages = record_list.client.usable_names(PAGE_FIELDS if is_post else PAGE_PARAMS, known)
    offsets, pages = (likely_first(names, size_param) for names in (offsets, pages))
    paging = None
    if convention.get("type") == "page_number":
        paging = _try_page_numbers(record_list, [convention.get("page_param", "page")], one_record)
    elif convention.get("type") == "offset":
        paging = _try_offsets(record_list, [convention.get("offset_param", "offset")], one_record)
    else:
        if not record_list.refuses_unknown and (offsets or pages):
            paging = _try_all_at_once(record_list, offsets, pages, one_record)
        if not record_list.refuses_unknown:
            return paging
    return paging or _try_each_name(record_list, offsets, pages, one_record)


def _try_each_name(
    record_list: RecordList, offsets: list[str], pages: list[str], one_record: Mapping[str, Any]
) -> Paging | None:
    """Try the names one by one, the likeliest of each kind first, while requests are left."""
    for number in range(max(len(offsets), len(pages))):
        if number and record_list.client.requests_left <= _RESERVED_REQUESTS:
            break
        paging = _try_first_names(
            record_list, offsets[number : number + 1], pages[number : number + 1], one_record
        )
        if paging:
            return paging
    return None


def _try_first_names(
    record_list: RecordList, offsets: list[str], pages: list[str], one_record: Mapping[str, Any]
) -> Paging | None:
    """Try the likeliest name of each kind, one by one."""
    return _try_offsets(record_list, offsets[:1], one_record) or _try_page_numbers(
        record_list, pages[:1], one_record
    )


def _try_all_at_once(
    record_list: RecordList, offsets: list[str], pages: list[str], one_record: Mapping[str, Any]
) -> Paging | None:
    """Ask for several places in one request; the record that comes first shows which parameter works."""
    if not one_record:
        return _try_all_without_size(record_list, offsets, pages)
    size_param = next(iter(one_record))
    for number in range(_MAX_ROUNDS):
        numbers = _distinct_numbers(offsets, pages, len(record_list.records))
        if not numbers or (number and record_list.client.requests_left <= _RESERVED_REQUESTS):
            return _try_first_names(record_list, offsets, pages, one_record)
        response, records = record_list.request_page({**one_record, **numbers})
        if response.refused and len(numbers) > 2:
            # another name, such as `start`, may have another meaning in this API
            return _try_all_at_once(record_list, offsets[:1], pages[:1], one_record)
        record_list.refuses_unknown = response.refused
        position = record_list.position(records)
        for name, sent in numbers.items():
            if name in offsets and position == sent:
                return _offset_paging(name, size_param, f"{name}={sent} brought the record at that position")
            if name in pages and position in (sent - 1, sent):
                evidence = f"page {sent} of one record brought the record at position {position}"
                return _page_number_paging(name, sent - position, evidence)
        offsets = [name for name in offsets if name not in numbers]
        pages = [name for name in pages if name not in numbers]
        if response.refused or not (offsets or pages):
            return None
    return None


def _distinct_numbers(offsets: list[str], pages: list[str], count: int) -> dict[str, int]:
    """Return a number for each name, so that the position of the first record tells which name works.

    An offset leads to its own position. A page of one record is at its number or one before, as pages are counted from
    0 or 1. Names for which no position of the first page is left get no number.
    """
    numbers: dict[str, int] = {}
    free = list(range(1, count))
    for name in [*offsets[:2], *pages[:1], *offsets[2:3], *pages[1:3], *offsets[3:], *pages[3:]]:
        if name in offsets:
            number = next(iter(free), None)
        else:
            number = next((entry for entry in free if entry - 1 in free), None)
        if number is not None:
            numbers[name] = number
            taken = (number,) if name in offsets else (number - 1, number)
            free = [entry for entry in free if entry not in taken]
    return numbers


def _try_all_without_size(record_list: RecordList, offsets: list[str], pages: list[str]) -> Paging | None:
    """Ask for several positions and for page 2 in one request, where nothing makes pages shorter."""
    count = len(record_list.records)
    numbers = {name: number for number, name in enumerate(offsets, 1) if number < count}
    response, records = record_list.request_page({**numbers, **dict.fromkeys(pages, 2)})
    if response.refused and len(offsets) > 1:
        return _try_all_at_once(record_list, offsets[:1], pages[:1], {})
    record_list.refuses_unknown = response.refused
    position = record_list.position(records)
    for name, number in numbers.items():
        if number == position:
            return _offset_paging(name, None, f"{name}={number}")
    if response.refused or not record_list.are_other_records(records, record_list.records):
        return None
    while len(pages) > 1:
        half = pages[: len(pages) // 2]
        works = record_list.are_other_records(
            record_list.request_page(dict.fromkeys(half, 2))[1], record_list.records
        )
        pages = half if works else pages[len(half) :]
    return _try_page_numbers(record_list, pages, {})


def _try_offsets(record_list: RecordList, names: list[str], one_record: Mapping[str, Any]) -> Paging | None:
    for name in names:
        response, records = record_list.request_page({**one_record, name: 1})
        if not response.refused and record_list.position(records) == 1:
            return _offset_paging(
                name, next(iter(one_record), None), f"{name}=1 brought the second record first"
            )
    return None


def _try_page_numbers(
    record_list: RecordList, names: list[str], one_record: Mapping[str, Any]
) -> Paging | None:
    for name in names:
        response, records = record_list.request_page({**one_record, name: 2})
        if response.refused or not records:
            continue
        position = record_list.position(records)
        if one_record and position in (1, 2):
            evidence = f"page 2 of one record brought the record at position {position}"
            return _page_number_paging(name, 2 - position, evidence)
        if not one_record and record_list.are_other_records(records, record_list.records):
            response, first = record_list.request_page({name: 1})
            base = 1 if record_list.position(first) == 0 else 0
            return _page_number_paging(name, base, f"{name}=2 brought other records")
    return None


def _offset_paging(name: str, size_param: str | None, evidence: str) -> Paging:
    paginator: dict[str, Any] = {"type": "offset"}
    if name != "offset":
        paginator["offset_param"] = name
    if size_param and size_param != "limit":
        paginator["limit_param"] = size_param
    return Paging(paginator, evidence)


def _page_number_paging(name: str, base_page: int, evidence: str) -> Paging:
    paginator: dict[str, Any] = {"type": "page_number", "base_page": base_page}
    if name != "page":
        paginator["page_param"] = name
    return Paging(paginator, evidence)
