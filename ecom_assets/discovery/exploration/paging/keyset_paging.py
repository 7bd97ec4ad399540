"""Finds paging by the last key: the request for the records after the one with a key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.parameter_names import AFTER_PARAMS
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.field_path import json_path

_RESERVED_REQUESTS = 4
"""Requests that stay for other questions while names are tried."""


def find_keyset_paging(
    record_list: RecordList, size_param: str | None, known: Collection[str], more: str = ""
) -> Paging | None:
    """Ask for the records after the one with a key, and see which record comes first.

    All names go into one request, each with the key of another record. Where the API refuses unknown parameters, they
    are tried one by one.

    Args:
        record_list: The endpoint's list.
        size_param: The parameter for the size of a page, None where there is none.
        known: The parameters that the API is known to have, empty where they are not known.
        more: The path of a field that says that there are more records, empty where there is none.
    """
    search = _KeysetSearch(record_list, size_param)
    names = record_list.client.usable_names(AFTER_PARAMS, known)
    is_map = record_list.shape is not None and not record_list.shape.is_list
    if search.key is None or is_map or len(record_list.records) < 2:
        return None
    name = search.name_among(names, more)
    if name is None:
        return None
    path = f"{json_path(record_list.path)}[-1].{json_path((*record_list.wrapper, search.key))}"
    paginator = {"type": "cursor", "cursor_path": path, "cursor_param": name}
    evidence = f"{name} with the {search.key} of a record brought the one behind it first"
    return Paging(
        paginator | ({"has_more_path": more} if more else {}),
        evidence + search.order_evidence,
        params=search.first_page,
    )


class _KeysetSearch:
    """The search for the parameter that takes a key."""

    def __init__(self, record_list: RecordList, size_param: str | None) -> None:
        self.record_list = record_list
        self.size: Mapping[str, Any] = {size_param: 2} if size_param else {}
        self.key = record_list.key_name()
        self.before: Sequence[Any] = record_list.records
        self.first_page: dict[str, Any] = {}
        self.order_evidence = ""

    def name_among(self, names: Sequence[str], more: str) -> str | None:
        """Return the parameter that works."""
        left = self.record_list.client.requests_left
        if not names or left <= _RESERVED_REQUESTS:
            return None
        if self.record_list.refuses_unknown:
            tried = names[: max(left - _RESERVED_REQUESTS, 0)] if more else names[:2]
            return next((name for name in tried if self._works([name])), None)
        return self._confirmed(self._works(names)) or self._in_order_of_keys(names)

    def _confirmed(self, name: str | None) -> str | None:
        """Return a name if it works alone, too: another one may have brought the record that came first."""
        return self._works([name]) if name else None

    def _in_order_of_keys(self, names: Sequence[str]) -> str | None:
        """Return a parameter that sorts the list by whole numbers: without it, the list has another order."""
        keys = [record[self.key] for record in self.before]
        if not all(type(key) is int for key in keys) or keys == sorted(keys):
            return None
        response, records = self.record_list.request_page(dict.fromkeys(names, 0))
        first: list[Any] = [record.get(self.key) for record in records if isinstance(record, dict)]
        if (
            response.refused
            or not all(type(key) is int for key in first)
            or len(first) < 2
            or first != sorted(first)
            or first[0] == keys[0]
        ):
            return None
        self.before = records
        name = self._confirmed(self._works(names))
        if name:
            self.first_page = {name: 0}
            self.order_evidence = ", and with 0 the list is in the order of its keys"
        return name

    def _works(self, names: Sequence[str]) -> str | None:
        """Return the name that leads on, where each of some names gets the key of another record."""
        identities = [self.record_list.identity(record) for record in self.before]
        # not the first record, which comes first too where nothing works
        later = self.before[1:-1] if len(names) == 1 and len(self.before) > 2 else self.before[:-1]
        shift = len(self.before) - 1 - len(later)
        keys = {name: record[self.key] for name, record in zip(names, later, strict=False)}
        response, records = self.record_list.request_page({**self.size, **keys})
        if response.refused or not records:
            return None
        first = self.record_list.identity(records[0])
        position = identities.index(first) - shift if first in identities else 0
        return names[position - 1] if 0 < position <= len(keys) else None
