"""Where the records of an answer are, for endpoints that declare no `data_selector`.

An answer that is a list is the records. In an object, dlt guesses: it takes the first list with a usual name, else the
first list at all, and an object without a list is one record. Here a guess counts only if the records prove it: they
have the primary key. An error object or an empty list of warnings is therefore no empty table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from dlt.sources.helpers.rest_client.detector import (
    NON_RECORD_KEY_PATTERNS,
    RECORD_KEY_PATTERNS,
    find_all_lists,
    single_entity_path,
)

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.errors import ApiError

ListPath = tuple[str, ...]
"""The names that lead to the records. Empty if the answer as a whole is the records, or is one record."""


class RecordDetection:
    """Finds the records in the answers of one endpoint. Raises ApiError if it cannot tell where they are."""

    def __init__(self, resource: Resource) -> None:
        """Take the endpoint's path and the primary key."""
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        selector = endpoint.data_selector
        self._resource = resource.name
        # as in dlt, a path that ends in a placeholder is of one record
        self._whole_answer = selector == "$" or single_entity_path(endpoint.path)
        self._is_declared = selector == "$"
        self._names = RECORD_KEY_PATTERNS | {resource.name, PurePosixPath(endpoint.path).name.lower()}
        # the steps may make the key, and without a key of its own a record cannot be told from another object
        known = resource.primary_key and not resource.processing_steps
        self._key_paths = [path for path in resource.key_paths if path] if known else []
        self._key = ", ".join(resource.primary_key)

    def path_in(self, body: Any) -> ListPath:
        """Return the path of the records in an answer.

        Args:
            body: The answer. A list is the records, and an object may hold their list or be one record.

        Raises:
            ApiError: Nothing or more than one thing in the object can be the records.
        """
        if not isinstance(body, Mapping):
            return ()
        is_record = self._has_key(body)
        if self._whole_answer:
            if is_record or not self._key_paths:
                return ()
            raise self._error(body, f"it has no {self._key} of its own, so it is no record")
        lists = [
            (path, found) for path, found in find_all_lists(dict(body), result=[]) if self._fits(path, found)
        ]
        candidates = [path for path, _ in lists if self._is_usual(path)]
        if not candidates:
            candidates = [] if is_record else [path for path, _ in lists]
        if is_record and not candidates:
            return ()
        if len(candidates) == 1 and not is_record:
            return tuple(candidates[0])
        if not candidates:
            raise self._error(body, "no list in it has a usual name, or records with the primary key")
        own = ["$"] if is_record else []
        names = " and ".join([*(".".join(path) for path in candidates), *own])
        raise self._error(body, f"the records may be {names}")

    def records_at(self, path: ListPath, body: Any) -> list[Any]:
        """Return the records of an answer, at the path that was found in the first one.

        Raises:
            ApiError: The answer has no list there.
        """
        found = value_at(body, path)
        if not path and isinstance(body, Mapping):
            return [body]
        if not isinstance(found, list):
            name = ".".join(path) or "the answer"
            raise ApiError(
                f"{self._resource}: the records of the first page were in {name}, where another page has "
                f"{'nothing' if found is None else type(found).__name__}; declare data_selector"
            )
        return found

    def _is_usual(self, path: ListPath) -> bool:
        """Tell whether a list has a name that dlt knows, or that of the resource or its path."""
        return path[-1].lower() in self._names

    def _fits(self, path: ListPath, found: list[Any]) -> bool:
        """Tell whether a list may be the records: they have the primary key, or there is none and its name is usual."""
        if path[-1].lower() in NON_RECORD_KEY_PATTERNS:
            return False
        objects = [entry for entry in found if isinstance(entry, Mapping)]
        if not found or not self._key_paths:
            return self._is_usual(path) and len(objects) == len(found)
        return any(map(self._has_key, objects))

    def _has_key(self, record: Mapping[str, Any]) -> bool:
        """Tell whether an object has a value for each part of the primary key; False if the key is unknown."""
        return bool(self._key_paths) and all(_has_value(record, path) for path in self._key_paths)

    def _error(self, body: Mapping[str, Any], why: str) -> ApiError:
        keys = ", ".join(map(str, list(body)[:8]))
        found = f"an object with the keys {keys}" if keys else "an object with no keys"
        advice = "" if self._is_declared else ", $ if the object itself is the record"
        return ApiError(
            f"{self._resource}: the answer is {found}; declare which of them holds the records with data_selector"
            f"{advice}. Here {why}"
        )


def _has_value(record: Mapping[str, Any], path: ListPath) -> bool:
    """Tell whether a record has a value at a path; `customerId` is found for `customer_id`, as in dlt."""
    if value_at(record, path) is not None:
        return True
    wanted = path[0].replace("_", "").lower()
    return len(path) == 1 and any(
        value is not None and str(name).replace("_", "").lower() == wanted for name, value in record.items()
    )
