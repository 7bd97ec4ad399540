"""What one answer says: the records of its page, and how many there are on all pages together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.foundation.errors import ApiError


class PageReader:
    """Reads the answers of one endpoint; raises ApiError for an answer that is not of the declared shape."""

    def __init__(self, resource: str, selector: str, paginator: Mapping[str, Any]) -> None:
        """Take the resource's name for messages, and from the declared paginator where the total is."""
        self._resource = resource
        self._selector = selector
        # parsing a path takes dlt longer than finding what it leads to on a page
        self._records_path = jsonpath.compile_path(selector)
        self._total_path = paginator.get("total_path")
        self._total = jsonpath.compile_path(self._total_path) if self._total_path else None
        self._total_header = paginator.get("total_header")

    def records(self, response: Response, page: list[Any]) -> list[Any]:
        """Return the records, which dlt has selected into `page`; raises ApiError where that selected none."""
        if is_ignored(response):
            return []
        if not page or len(page) == 1:
            # dlt makes an empty list of a missing selector and of null, and a list of one out of anything
            # else; which of them it was, only the answer tells
            found = jsonpath.find_values(self._records_path, response.json())
            wanted = self._selector.removesuffix("[*]")
            if not found and wanted != self._selector:
                found = jsonpath.find_values(wanted, response.json())
            value = found[0] if len(found) == 1 else found or None
            if not isinstance(value, (list, dict)) or (value == {} and not page):
                shape = "nothing" if value is None else type(value).__name__
                raise ApiError(
                    f"{self._resource}: data_selector {self._selector!r} found {shape} in a "
                    f"{response.status_code} answer with {_shape(response.json())}; a list of records was expected"
                )
        if self._selector == "$" and isinstance(response.json(), dict):
            raise ApiError(
                f"{self._resource}: the answer is an object with {_shape(response.json())}; "
                "declare which of them holds the records with data_selector"
            )
        return list(page)

    def total(self, response: Response, *, known: bool) -> int | None:
        """Return the total, None where none is declared; where it is `known`, an answer may leave it out."""
        if is_ignored(response):
            return None
        if self._total_header is not None:
            where, value = f"total_header {self._total_header}", response.headers.get(self._total_header)
        elif self._total is not None:
            found = jsonpath.find_values(self._total, response.json())
            where, value = f"total_path {self._total_path}", found[0] if found else None
        else:
            return None
        if value is None and known:
            return None  # some APIs report it on the first page only
        try:
            total = int(str(value)) if type(value) in (int, str) else -1
        except ValueError:
            total = -1
        if total < 0:
            shown = "nothing" if value is None else repr(value)[:40]
            raise ApiError(f"{self._resource}: {where} found {shown}; the number of records was expected")
        return total


def is_ignored(response: Response) -> bool:
    """Tell whether a declared response action made an empty page of the answer."""
    return getattr(response, "ignored", False)


def _shape(body: Any) -> str:
    """Return the names at the top of an answer, never its values."""
    if not isinstance(body, dict):
        return f"a {type(body).__name__}"
    return f"the keys {', '.join(str(key) for key in list(body)[:8])}" if body else "no keys"
