"""Page reader: the records and the total in one answer of an API."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from dlt.common import jsonpath
from requests import Response

from ecom_assets.client.responses import read_as_lines, repeated_name
from ecom_assets.declaration.api.item_range import CONTENT_RANGE
from ecom_assets.declaration.api.paginator import reported_total
from ecom_assets.declaration.reading import Endpoint, Resource
from ecom_assets.extract.answers.empty_answers import EmptyAnswers
from ecom_assets.extract.answers.errors_in_answers import path_of_selector, refuse_errors, undeclared_errors
from ecom_assets.extract.answers.ignored_answers import is_ignored
from ecom_assets.extract.answers.record_shapes import RecordShapes
from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.extract.paging.record_detection import ListPath, RecordDetection
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.json_path import compiled_path

_CONTENT_RANGE = re.compile(r"\s*[^/]*?(?:\*|\d+\s*-\s*\d+)\s*/\s*(\*|\d+)\s*")
"""A header such as `items 0-99/250`."""


class PageReader:
    """Reads the answers of one endpoint. Raises ApiError for an answer that does not have the declared shape."""

    def __init__(
        self,
        resource: Resource,
        endpoint: Endpoint,
        paginator: Mapping[str, Any],
        detection: RecordDetection,
    ) -> None:
        """Take where the records and the total are.

        Args:
            resource: A resource with an endpoint.
            endpoint: The endpoint, with its `data_selector` and `empty_answers`.
            paginator: The declared paginator, with the `total_path` or `total_header` if there is one.
            detection: Finds the records in an object if the selector is `$`.
        """
        total = reported_total(paginator)
        pointers = [str(value) for key, value in paginator.items() if key.endswith("_path")]
        self._resource = resource.name
        self._detection = detection
        self._detected: ListPath | None = None
        self._errors_path = endpoint.errors_path
        self.empty_answers = EmptyAnswers(endpoint)
        self._selector = selector = self.empty_answers.selector
        # a key that comes from the parent's record has one record for each of them
        key = [resource.column(name) for name in resource.primary_key]
        self._is_one_record = bool(key) and all(map(resource.comes_from_parent, key))
        self._shapes = RecordShapes(resource, endpoint.records, selector, pointers)
        self.is_lines = endpoint.records.form == "lines"
        # parsing a path takes dlt longer than following it on a page
        self._records_path = compiled_path(selector)
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
            ApiError: The selector leads to no list of records, or an object has a name twice.
        """
        if is_ignored(response):
            return []
        if self.is_lines:
            read_as_lines(response)
        if name := repeated_name(response):
            raise ApiError(
                f"{self._resource}: an object in the response has the name {name!r} twice, with different values, and "
                "it is unknown which one counts. Only the API can correct this"
            )
        refuse_errors(self._resource, self._errors_path, response)
        self._refuse_errors_in_place_of_list(response)
        if self._shapes.is_object:
            return self._records_of_object(response)
        if not page or len(page) == 1:
            # dlt turns a missing list and null into an empty list, and any other value into a list with that
            # value; only the answer itself tells these cases apart
            if self.empty_answers.declared_form(response) or self._is_empty(response):
                return []
            found = jsonpath.find_values(self._records_path, response.json())
            list_selector = self._selector.removesuffix("[*]")
            if not found and list_selector != self._selector:
                found = jsonpath.find_values(list_selector, response.json())
            value = found[0] if len(found) == 1 else found or None
            if not isinstance(value, (list, dict)) or value == {}:
                found_type = "nothing" if value is None else type(value).__name__
                raise self._without_list(found_type, response)
        if self._selector == "$" and isinstance(body := response.json(), dict):
            if self._detected is None:
                self._detected = self._detection.path_in(body)
            return self._detection.records_at(self._detected, body)
        is_one_record = len(page) == 1 and self.is_one_record(response)
        self._shapes.refuse_undeclared(page[0] if is_one_record else page)
        return self._shapes.of_list(page, response)

    def _refuse_errors_in_place_of_list(self, response: Response) -> None:
        """Raise ApiError for errors beside a declared form of an empty answer, such as `{"data": null, "error": 5}`."""
        if self.empty_answers.declared_form(response) and (errors := self.undeclared_errors(response)):
            raise ApiError(f"{self._resource}: the answer has no list of records, and {errors}")

    def _is_empty(self, response: Response) -> bool:
        """Tell whether an answer has no record, although its selector found no list."""
        return self._shapes.selects_from_empty_list(response.json())

    def _records_of_object(self, response: Response) -> list[Any]:
        """Return the records of an answer that has them in an object."""
        if self.empty_answers.declared_form(response):
            return []
        found = jsonpath.find_values(self._records_path, response.json())
        if not found or found == [None]:
            raise self._without_list("nothing", response)
        return self._shapes.of_object(found[0] if len(found) == 1 else found)

    def _without_list(self, found: str, response: Response) -> ApiError:
        return ApiError(
            f"{self._resource}: data_selector {self._selector!r} found {found} in a "
            f"{response.status_code} answer with {_top_level_keys(response.json())}; "
            f"a list of records was expected{self.empty_answers.advice(response)}"
        )

    def undeclared_errors(self, response: Response) -> str:
        """Return what to declare about the errors beside the records of an answer that was read, "" without any."""
        path = path_of_selector(self._selector) if self._detected is None else self._detected
        return undeclared_errors(self._errors_path, response, path)

    def for_another_pass(self) -> PageReader:
        """Return a reader that has seen no page yet."""
        other = copy.copy(self)
        other._detected = None
        return other

    def is_one_record(self, response: Response) -> bool:
        """Tell whether a response with one record cannot have more: it is no list, or its key is the parent's."""
        if self._is_one_record:
            return True
        if self._shapes.is_object:
            return False
        if self._selector == "$" and isinstance(response.json(), dict):
            return not self._detected
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
            found = self._total.find(response.json() or {})
            where, value = f"total_path {self._total_path}", found[0] if found else None
        else:
            return None
        if value is None and (known or self.empty_answers.declared_form(response)):
            return None  # some APIs report the total on the first page only, or with records only
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


def _top_level_keys(body: Any) -> str:
    """Return the names at the top level of an answer for a message, never its values."""
    if not isinstance(body, dict):
        return f"a {type(body).__name__}"
    return f"the keys {', '.join(str(key) for key in list(body)[:8])}" if body else "no keys"
