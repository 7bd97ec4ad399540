"""The list of records of one endpoint while it is explored: its pages so far, and what identifies a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ecom_assets.contract.record_keys import value_at
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse, EndpointClient, OutOfRequests
from ecom_assets.discovery.exploration.record_shape import (
    LINES,
    RecordShape,
    find_other_shape,
    wrapped_shape,
)
from ecom_assets.discovery.exploration.response_structure import find_record_list
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.foundation.errors import ApiError

_MAX_NAMES_SHOWN = 8


@dataclass
class RecordList:
    """An endpoint's list of records, found at `path` of `first`, the answer to the plain request.

    `records` is the first page. `pages` are all answers that no filter narrowed, each with its records.
    `refuses_unknown` says that the API refuses unknown parameters, `names_unknown` that it names all of them at once.
    `shape` is None for a list of objects.
    """

    client: EndpointClient
    path: FieldPath
    first: ApiResponse
    records: list[Any]
    pages: list[tuple[ApiResponse, list[Any]]] = field(default_factory=list)
    refuses_unknown: bool = False
    names_unknown: bool = False
    shape: RecordShape | None = None

    def __post_init__(self) -> None:
        """Start with the first page."""
        self.pages.append((self.first, self.records))
        self._unique_names = [
            name for name in (self.records[0] if self.records else {}) if self._is_unique(name)
        ]

    def _is_unique(self, name: str) -> bool:
        values = [record.get(name) for record in self.records]
        return all(type(value) in (int, str) for value in values) and len(set(values)) == len(values)

    def identity(self, record: Any) -> Any:
        """Return what identifies a record; it stays the same when the record changes."""
        names = [name for name in self._unique_names if name.lower() == "id"] or self._unique_names[:1]
        return (
            record.get(names[0]) if names else orjson.dumps(record, default=str, option=orjson.OPT_SORT_KEYS)
        )

    def key_name(self) -> str | None:
        """Return the field that identifies a record and may be asked for, None where there is none."""
        usual = [name for name in self._unique_names if name.lower() in ("id", "_id", "uuid")]
        ids = [name for name in self._unique_names if name.lower().endswith("id")]
        return next(iter([*usual, *ids]), None)

    def position(self, records: Sequence[Any]) -> int | None:
        """Return the position on the first page of the first of these records, None where it is not there."""
        identities = [self.identity(record) for record in self.records]
        first = self.identity(records[0]) if records else None
        return identities.index(first) if records and first in identities else None

    def are_other_records(self, records: Sequence[Any], before: Sequence[Any]) -> bool:
        """Tell whether there are records and none of them is among those `before`."""
        seen = [self.identity(record) for record in before]
        return bool(records) and not any(self.identity(record) in seen for record in records)

    def records_of(self, response: ApiResponse) -> list[Any]:
        """Return the records of an answer, none where the API refused."""
        found = None if response.refused else value_at(response.body, self.path)
        return _records_in(found, self.shape)

    @property
    def wrapper(self) -> FieldPath:
        """Return the path from an element of the list to its record."""
        return self.shape.wrapper if self.shape else ()

    def request_page(
        self, params: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, alone: bool = False
    ) -> tuple[ApiResponse, list[Any]]:
        """Request a page of the whole list; `alone` leaves out the parameters of every request."""
        return self._remember(self.client.request(params, headers=headers, alone=alone))

    def follow(self, url: str) -> tuple[ApiResponse, list[Any]]:
        """Request the page at an address that the API gave."""
        return self._remember(self.client.follow(url))

    def request_filtered(
        self,
        params: Mapping[str, Any],
        values: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[ApiResponse, list[Any]]:
        """Request a filtered part of the list; `pages` does not keep it, as it says nothing of the whole list."""
        response = self.client.request(params, values, headers)
        return response, self.records_of(response)

    def _remember(self, response: ApiResponse) -> tuple[ApiResponse, list[Any]]:
        records = self.records_of(response)
        if not response.refused:
            self.pages.append((response, records))
        return response, records

    def sample(self) -> list[Any]:
        """Return every record of the pages, each once, in the order of their arrival."""
        by_identity = {
            self.identity(record): record
            for _, records in self.pages
            for record in records
            if isinstance(record, dict)
        }
        return list(by_identity.values())


def request_first_page(client: EndpointClient, resource: str) -> RecordList:
    """Request the first page of an endpoint. Raises ApiError where it is refused or holds no list of records."""
    try:
        response = client.first()
    except OutOfRequests:
        raise ApiError(f"{client.path}: not requested, because no request was left") from None
    return record_list_in(client, resource, response)


def record_list_in(client: EndpointClient, resource: str, response: ApiResponse) -> RecordList:
    """Return the list of records of an answer. Raises ApiError where it holds none."""
    path = find_record_list(response.body, resource)
    shape = None
    if path is None or not value_at(response.body, path):
        path, shape = find_other_shape(response.body, resource) or (path, None)
    if path is None:
        shown = type(response.body).__name__
        if isinstance(response.body, dict):
            names = ", ".join(list(response.body)[:_MAX_NAMES_SHOWN])
            names = "".join(character if character.isprintable() else " " for character in names)
            shown = f"an object with {names.strip() or 'nothing in it'}"
        raise ApiError(f"{client.path}: no list of records in the answer, which is {shown}")
    found = value_at(response.body, path)
    if shape is None:
        shape = LINES if client.reads_lines else wrapped_shape(found)
    return RecordList(client, path, response, _records_in(found, shape), shape=shape)


def _records_in(found: Any, shape: RecordShape | None) -> list[Any]:
    if shape is not None:
        return shape.records_in(found)
    return list(found) if isinstance(found, list) else []
