"""Finds the parameter for the size of a page, and the largest size up to 100 that the API accepts."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ecom_assets.discovery.exploration.parameter_names import SIZE_PARAMS
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.totals import possible_totals

MAX_PAGE_SIZE = 100
"""The largest size that a page is asked for, in records."""

_RESERVED_REQUESTS = 7
"""Requests that stay for other questions while names are tried one by one."""

_RESERVED_FOR_ONE = 2
"""The same if there is a single name."""
_SMALLER_SIZES = (50, 25, 20, 10)


def find_size_param(record_list: RecordList, convention: str | None, known: Collection[str]) -> str | None:
    """Return the parameter for the number of records, None where none works or it cannot be told.

    All names go into one request, each with another number: the number of records that come shows which name
    works. Where the API refuses unknown parameters, the names are tried one by one.

    Args:
        record_list: The endpoint's list.
        convention: The parameter that other endpoints have; it is tried first.
        known: The parameters that the API is known to have, empty where they are not known.
    """
    usual_size = len(record_list.records)
    if usual_size < 2:
        return convention
    if convention and len(record_list.request_page({convention: 1})[1]) == 1:
        return convention
    names = record_list.client.usable_names(SIZE_PARAMS, known)
    if not names:
        return None
    if len(names) > 1 and not record_list.refuses_unknown:
        numbers = [number for number in range(1, len(names) + 2) if number != usual_size]
        params = dict(zip(names, numbers, strict=False))
        response, records = record_list.request_page(params)
        if not response.refused:
            return next((name for name, number in params.items() if number == len(records)), None)
        record_list.refuses_unknown = True
        record_list.names_unknown = len(mentioned_in(names, response.refused_text)) > 1
        names = sorted_by_refusal(names, response.refused_text or response.refusal)
    for name in names:
        if record_list.client.requests_left <= (_RESERVED_REQUESTS if len(names) > 1 else _RESERVED_FOR_ONE):
            break
        response, records = record_list.request_page({name: 1})
        if not response.refused and len(records) == 1:
            return name
    return None


def sorted_by_refusal(names: Collection[str], refusal: str) -> list[str]:
    """Return names, first those that a refusal does not mention: it usually mentions unknown ones."""
    mentioned = mentioned_in(names, refusal)
    return sorted(names, key=lambda name: name in mentioned)


def mentioned_in(names: Collection[str], refusal: str) -> set[str]:
    """Return the names that a refusal mentions."""
    words = set(re.findall(r"[\w.\[\]:$<>=-]+|[\w.\[\]-]+", refusal)) | set(
        re.findall(r"[\w.\[\]-]+", refusal)
    )
    return {name for name in names if name in words}


def find_largest_page_size(
    record_list: RecordList, name: str, first_page: dict[str, Any]
) -> tuple[int, list[Any], str]:
    """Find the largest page size that the API accepts.

    Args:
        record_list: The endpoint's list.
        name: The parameter for the size.
        first_page: Parameters that ask for the first page, where the API needs them.

    Returns:
        The size, the records of a page of that size, and the evidence.
    """
    response, records = record_list.request_page({**first_page, name: MAX_PAGE_SIZE})
    if not response.refused and len(records) <= MAX_PAGE_SIZE:
        return _check_truncation(record_list, name, first_page, records)
    text = response.refusal.partition("body:")[2]
    mentioned = sorted(
        {int(number) for number in re.findall(r"\b\d{1,2}\b", text) if int(number) > 1}, reverse=True
    )
    for size in dict.fromkeys([*mentioned[:1], *_SMALLER_SIZES]):
        if record_list.client.requests_left < 2:
            break
        response, records = record_list.request_page({**first_page, name: size})
        if not response.refused and len(records) <= size:
            return size, records, f"the API refuses {MAX_PAGE_SIZE} and accepts {size}"
    size = len(record_list.records)
    evidence = f"the API refuses {MAX_PAGE_SIZE}; {size} is the size of a page when none is asked for"
    return size, record_list.records, evidence


def _check_truncation(
    record_list: RecordList, name: str, first_page: dict[str, Any], records: list[Any]
) -> tuple[int, list[Any], str]:
    """Tell a list that ends from a size that the API silently reduces."""
    if len(records) == MAX_PAGE_SIZE:
        return MAX_PAGE_SIZE, records, f"{MAX_PAGE_SIZE} records came when {MAX_PAGE_SIZE} were asked for"
    accepted = f"the API accepts {MAX_PAGE_SIZE}; {len(records)} records came"
    totals = possible_totals(*record_list.pages[-1], record_list.path)
    are_all = any(number == len(records) for _, number in totals)
    if len(records) > len(record_list.records) or are_all or record_list.client.requests_left < 3:
        return MAX_PAGE_SIZE, records, accepted
    # as many as without a size: either these are all records, or the API falls back to its usual size
    half = MAX_PAGE_SIZE // 2
    response, fewer = record_list.request_page({**first_page, name: half})
    if not response.refused and len(records) < len(fewer) <= half:
        return half, fewer, f"the API accepts {half}, and gives {len(records)} records for {MAX_PAGE_SIZE}"
    return MAX_PAGE_SIZE, records, accepted
