"""Page reader: the records and the total in one answer of an API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.declaration.api.item_range import CONTENT_RANGE
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.foundation.errors import ApiError

_CONTENT_RANGE = re.compile(r"\s*[^/]*?(?:\*|\d+\s*-\s*\d+)\s*/\s*(\*|\d+)\s*")
"""A header such as `items 0-99/250`."""


class PageReader:
    """Reads the answers of one endpoint. Raises ApiError for an answer that does not have the declared shape."""

    def __init__(self, resource: Resource, total: Mapping[str, str]) -> None:
        """Take where the records and the total are.

        Args:
            resource: A resource with an endpoint.
            total: The declared `total_path` or `total_header`, if there is one.
        """
        self._resource = resource.name
        self._selector = selector = (resource.endpoint and resource.endpoint.data_selector) or "$"
        # a key that comes from the parent's record has one record for each of them
        key = [resource.column(name) for name in resource.primary_key]
        self._is_one_record = bool(key) and all(map(resource.comes_from_parent, key))
        # parsing a path takes dlt longer than following it on a page
        self._records_path = jsonpath.compile_path(selector)
        self._total_path = total.get("total_path")
        self._total = BodyPath(self._total_path) if self._total_path else None
        self._total_header = total.get("total_header")
        self._is_range = (self._total_header or "").lower() == CONTENT_RANGE.lower()

    def records(self, response: Response, page: list[Any]) -> list[Any]:
        """Return the records of a page.

        Args:
            response: The answer.
            page: What dlt has selected from the answer.

        Raises:
            ApiError: The selector leads to no list of records.
        """
        if is_ignored(response):
            return []
        if not page or len(page) == 1:
            # dlt turns a missing list and null into an empty list, and any other value into a list with that
            # value; only the answer itself tells these cases apart
            found = jsonpath.find_values(self._records_path, response.json())
            list_selector = self._selector.removesuffix("[*]")
            if not found and list_selector != self._selector:
                found = jsonpath.find_values(list_selector, response.json())
            value = found[0] if len(found) == 1 else found or None
            if not isinstance(value, (list, dict)) or (value == {} and not page):
                found_type = "nothing" if value is None else type(value).__name__
                raise ApiError(
                    f"{self._resource}: data_selector {self._selector!r} found {found_type} in a "
                    f"{response.status_code} answer with {_top_level_keys(response.json())}; "
                    "a list of records was expected"
                )
        if self._selector == "$" and isinstance(response.json(), dict):
            raise ApiError(
                f"{self._resource}: the answer is an object with {_top_level_keys(response.json())}; "
                "declare which of them holds the records with data_selector"
            )
        return list(page)

    def is_one_record(self, response: Response) -> bool:
        """Tell whether a response with one record cannot have more: it is no list, or its key is the parent's."""
        if self._is_one_record:
            return True
        found = jsonpath.find_values(self._records_path, response.json())
        return len(found) == 1 and isinstance(found[0], dict)

    def total(self, response: Response, *, known: bool) -> int | None:
        """Return the number of records that the API reports for all pages, None if no total is declared.

        Args:
            response: The answer.
            known: Whether an earlier page had the total. Then an answer may leave it out.

        Raises:
            ApiError: The total is missing, or is no number of records.
        """
        if is_ignored(response):
            return None
        if self._total_header is not None:
            where, value = f"total_header {self._total_header}", response.headers.get(self._total_header)
            if value and (in_range := _CONTENT_RANGE.fullmatch(value)):
                value = in_range[1]
            if self._is_range and value in (None, "*"):
                return None
        elif self._total is not None:
            found = self._total.find(response.json())
            where, value = f"total_path {self._total_path}", found[0] if found else None
        else:
            return None
        if value is None and known:
            return None  # some APIs report the total on the first page only
        try:
            total = int(str(value)) if type(value) in (int, str) else -1
        except ValueError:
            total = -1
        if total < 0:
            found_value = "nothing" if value is None else repr(value)[:40]
            raise ApiError(
                f"{self._resource}: {where} found {found_value}; the number of records was expected"
            )
        return total


def is_ignored(response: Response) -> bool:
    """Tell whether a declared response action turned the answer into an empty page."""
    return getattr(response, "ignored", False)


def _top_level_keys(body: Any) -> str:
    """Return the names at the top level of an answer for a message, never its values."""
    if not isinstance(body, dict):
        return f"a {type(body).__name__}"
    return f"the keys {', '.join(str(key) for key in list(body)[:8])}" if body else "no keys"
