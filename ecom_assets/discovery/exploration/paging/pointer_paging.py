"""Finds paging by pointers: follows each next page that an answer names, until one brings other records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from ecom_assets.discovery.endpoint_draft import Paging
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.paging.pointers import (
    derived_names,
    has_more_path,
    header_addresses,
    header_cursors,
    linked_page,
    next_cursors,
    next_links,
)
from ecom_assets.discovery.exploration.parameter_names import CURSOR_PARAMS, OFFSET_PARAMS
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.field_path import json_path

_MAX_SINGLE_TRIES = 3
"""Names that are tried one by one for a cursor."""
_MAX_KNOWN_TRIES = 5
"""The same where the parameters are known."""
_RESERVED_REQUESTS = 4
"""Requests that stay for other questions while names are tried."""


class PointerSearch:
    """The search for the paging of one answer that names its next page."""

    def __init__(
        self,
        record_list: RecordList,
        response: ApiResponse,
        records: list[Any],
        size_param: str | None,
        known: Collection[str],
    ) -> None:
        """Take the answer.

        Args:
            record_list: The endpoint's list.
            response: The answer with the pointer.
            records: The records in it.
            size_param: The parameter for the size of a page, None where there is none.
            known: The parameters that the API is known to have, empty where they are not known.
        """
        self.record_list = record_list
        self.response = response
        self.records = records
        self.known = known
        self.size_param = size_param
        # the next page has the size of this one; other parameters of the answer were trials
        self.sent = {name: value for name, value in response.params.items() if name == size_param}

    def find(self) -> Paging | None:
        """Return the paging, None where no pointer leads to other records."""
        return (
            self._by_links() or self._by_cursors() or self._by_header_addresses() or self._by_header_cursors()
        )

    def _by_links(self) -> Paging | None:
        for path, url in next_links(self.response, self.record_list.path):
            if self._leads_on(url):
                evidence = f"the address at {path} brought other records"
                return Paging(
                    {"type": "json_link", "next_url_path": path},
                    evidence,
                    pointer=url,
                    pointer_count=len(self.records),
                )
        link = linked_page(self.response)
        if link and self._leads_on(link):
            evidence = "the next address in the header Link brought other records"
            return Paging({"type": "header_link"}, evidence, pointer=link, pointer_count=len(self.records))
        return None

    def _leads_on(self, url: str) -> bool:
        return self._are_others(self.record_list.follow(urljoin(self.response.url, url))[1])

    def _by_cursors(self) -> Paging | None:
        more = has_more_path(self.response, self.record_list.path)
        for path, cursor in next_cursors(self.response, self.record_list.path):
            found = self._param_of(path[-1], cursor)
            if found:
                name, alone = found
                paginator: dict[str, Any] = {
                    "type": "cursor",
                    "cursor_path": json_path(path),
                    "cursor_param": name,
                }
                paginator |= {"keep_params": []} if alone else {}
                paginator |= {"has_more_path": more} if more else {}
                evidence = f"{name} with the value of {json_path(path)} brought other records"
                return Paging(paginator, evidence + (", without other parameters" if alone else ""))
        return None

    def _by_header_cursors(self) -> Paging | None:
        for key, cursor in header_cursors(self.response):
            found = self._param_of(key.lower(), cursor)  # the case of a header means nothing
            paginator: dict[str, Any] = {"type": "header_cursor", "cursor_key": key}
            if found:
                name, alone = found
                paginator |= {"cursor_param": name} | ({"keep_params": []} if alone else {})
                return Paging(paginator, f"{name} with the value of the header {key} brought other records")
            if self.record_list.client.requests_left <= _RESERVED_REQUESTS:
                return None
            answer = self.record_list.request_page(self.sent, headers={key: cursor})
            if self._are_others(answer[1]):
                evidence = f"a request header {key} with the value of the response's brought other records"
                return Paging({**paginator, "cursor_header": key}, evidence)
        return None

    def _by_header_addresses(self) -> Paging | None:
        """Return the paging whose parameter in a header's address leads to the next page, if it is a number."""
        for url in header_addresses(self.response):
            if self._leads_on(url):
                paginator = paging_by_address(url, len(self.records))
                if paginator:
                    name = paginator.get("offset_param") or paginator.get("page_param") or "its parameter"
                    evidence = f"{name} in the next address in a header brought other records"
                    return Paging(paginator, evidence)
        return None

    def _param_of(self, name: str, cursor: str | int) -> tuple[str, bool] | None:
        """Return the parameter that takes a cursor, and whether it must be sent alone, None where none works.

        The names that follow from the cursor's own are tried one by one, then all other usual names at once.
        """
        likely, others = self._names(name)
        for entry in likely[: _MAX_KNOWN_TRIES if self.known else _MAX_SINGLE_TRIES]:
            if self.record_list.client.requests_left <= _RESERVED_REQUESTS:
                return None
            response, records = self.record_list.request_page({**self.sent, entry: cursor})
            if self._are_others(records):
                return entry, False
            if response.refused and self.sent and entry == likely[0]:
                records = self.record_list.request_page({entry: cursor}, alone=True)[1]
                if self._are_others(records):
                    return entry, True
        found = self._first_that_works(others, cursor)
        return (found, False) if found else None

    def _names(self, name: str) -> tuple[list[str], list[str]]:
        """Return the names to try for a cursor: those that follow from its own name, and other usual ones."""
        client = self.record_list.client
        if client.body is not None:
            return [*client.usable_names([name, *derived_names(name), *CURSOR_PARAMS], ()), name], []
        derived = derived_names(name)
        if not self.known:
            return derived, [entry for entry in CURSOR_PARAMS if entry not in derived]
        usable = client.usable_names([*derived, *CURSOR_PARAMS], self.known)
        rest = [entry for entry in sorted(self.known) if entry not in (*usable, self.size_param)]
        return [*usable, *rest], []

    def _first_that_works(self, names: Sequence[str], cursor: str | int) -> str | None:
        """Return the parameter that leads on: all are tried at once, then halves of them."""
        if not names or self.record_list.client.requests_left <= _RESERVED_REQUESTS:
            return None
        works = None if self.record_list.refuses_unknown else self._works(names, cursor)
        if works is None:
            tried = names[:_MAX_SINGLE_TRIES]
            return next((name for name in tried if self._works([name], cursor)), None)
        if not works:
            return None
        while len(names) > 1:
            half = names[: len(names) // 2]
            names = half if self._works(half, cursor) else names[len(names) // 2 :]
        return names[0]

    def _works(self, names: Sequence[str], cursor: str | int) -> bool | None:
        """Tell whether some parameters lead to other records, None where the API refuses them."""
        params = {**self.sent, **dict.fromkeys(names, cursor)}
        response, records = self.record_list.request_page(params)
        return None if response.refused else self._are_others(records)

    def _are_others(self, records: Sequence[Any]) -> bool:
        return self.record_list.are_other_records(records, self.records)


def paging_by_address(url: str, count: int) -> dict[str, Any] | None:
    """Return the paginator that counts in a next page's address, None where its parameters are no numbers.

    Args:
        url: The address of the second page.
        count: How many records the first page has.
    """
    for name, value in parse_qsl(urlsplit(url).query):
        is_size = any(word in name.lower() for word in ("size", "limit", "per"))
        if value == str(count) and (name.lower() in OFFSET_PARAMS or is_offset(name)):
            return {"type": "offset"} | ({"offset_param": name} if name != "offset" else {})
        if value in ("1", "2") and not is_offset(name) and not is_size:
            page = {"page_param": name} if name != "page" else {}
            return {"type": "page_number", "base_page": int(value) - 1, **page}
    return None


def is_offset(name: str) -> bool:
    """Tell whether a parameter is named like an offset."""
    return any(word in name.lower() for word in ("offset", "skip", "start", "from"))
