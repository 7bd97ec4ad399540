"""Finds the paging of one list with the largest page, and whether that page is the whole list."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ecom_assets.declaration.api.paginator import BY_POSITION
from ecom_assets.discovery.endpoint_draft import ApiConventions, EndpointDraft, Paging
from ecom_assets.discovery.evidence import assumed
from ecom_assets.discovery.exploration.endpoint_client import ApiResponse
from ecom_assets.discovery.exploration.paging.next_page import has_pointer, next_cursor, next_url
from ecom_assets.discovery.exploration.paging.page_size import (
    MAX_PAGE_SIZE,
    find_largest_page_size,
    find_size_param,
)
from ecom_assets.discovery.exploration.paging.paging_search import find_paging, open_signs
from ecom_assets.discovery.exploration.paging.pointer_paging import paging_by_address
from ecom_assets.discovery.exploration.paging.pointers import has_more_path
from ecom_assets.discovery.exploration.parameter_names import SIZE_PARAMS, names_alike
from ecom_assets.discovery.exploration.record_list import RecordList
from ecom_assets.discovery.exploration.totals import possible_totals, reports_more_records
from ecom_assets.discovery.field_path import json_path
from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.extract.paging.page_size import USUAL_PAGE_SIZES

_FAR_PAGE = 10_000
"""The number of a page that no list has."""


class ListPaging:
    """Puts the paging of one list into a draft."""

    def __init__(
        self,
        record_list: RecordList,
        endpoint: EndpointDraft,
        conventions: ApiConventions,
        known: Collection[str],
    ) -> None:
        """Take the list.

        Args:
            record_list: The endpoint's list, with its first page.
            endpoint: The draft that gets the paging, and a note where there are records that nothing leads to.
            conventions: What other endpoints of this API do.
            known: The parameters that the API is known to have, empty where they are not known.
        """
        self.record_list = record_list
        self.endpoint = endpoint
        self.conventions = conventions
        self.known = known
        self.page_length = len(record_list.records)

    def find(self) -> None:
        """Find the paging, and read one page of the largest size."""
        record_list, endpoint = self.record_list, self.endpoint
        size_param = find_size_param(record_list, self.conventions.size_param, self.known)
        paging = find_paging(record_list, size_param, self.conventions.paginator, self.known)
        records, size = record_list.records, len(record_list.records)
        evidence = "the size of a page when none is asked for"
        if paging and paging.size:
            size, records = paging.size, record_list.pages[-1][1]
            evidence = f"{size} records came when {MAX_PAGE_SIZE} were asked for"
        # set at once, in case that no request is left for more
        endpoint.paging = _with_size(paging or endpoint.paging, size_param, size, evidence)
        if size_param:
            size, records, evidence = find_largest_page_size(
                record_list, size_param, dict(paging.params) if paging else {}
            )
            if paging and paging.pointer and len(records) == size and not self._leads_on(paging):
                # the parameter limits the whole list, as `$top` of OData does
                size_param, records, size = None, record_list.records, len(record_list.records)
                record_list.pages.append((record_list.first, records))
                endpoint.paging = paging
        response = record_list.pages[-1][0]
        more = reports_more_records(*record_list.pages[-1], record_list.path)
        may_be_full = self._may_be_full(len(records), can_compare=bool(paging or size_param))
        if paging is None:
            signs = [*open_signs(record_list, response), *self._described_sizes(len(records))]
            more = more or bool(signs)
            endpoint.complete = not more and not may_be_full
            if more:
                self._leave_unconfirmed(", ".join(signs) or "the reported total")
            else:
                paging = self._paging_of_other_endpoints()
                if may_be_full and paging is None:
                    endpoint.notes.append(
                        f"{len(records)} records came, which may be a full page; nothing that was tried leads to "
                        "another one, and nothing says that there is none; if there are more, name the right one with "
                        "--parameter"
                    )
        elif paging.paginator["type"] in BY_POSITION:
            endpoint.complete = len(records) < size and not more and not may_be_full
        else:
            endpoint.complete = not more and not has_pointer(response, paging) and not may_be_full
        self.page_length = len(records)
        endpoint.paging = _with_size(paging or endpoint.paging, size_param, size, evidence)
        knows_names = bool(self.known) or record_list.refuses_unknown
        if endpoint.paging.paginator["type"] == "offset" and not size_param and knows_names:
            paginator = {**endpoint.paging.paginator, "send_limit": False}
            endpoint.paging = replace(endpoint.paging, paginator=paginator)
        if more:
            self._take_length_as_size()

    def _leads_on(self, paging: Paging) -> bool:
        """Tell whether the newest page leads to another one, or has all records."""
        response, records = self.record_list.pages[-1]
        return has_pointer(response, paging) or any(
            number == len(records) for _, number in possible_totals(response, records, self.record_list.path)
        )

    def read_second_page(self) -> None:
        """Request the page after the first one, where positions can be asked for: only an empty one is the end."""
        endpoint = self.endpoint
        params = endpoint.paging.params_at(self.page_length, self.page_length) if self.page_length else None
        if endpoint.complete or not params:
            return
        response, records = self.record_list.request_page(params)
        endpoint.complete = not response.refused and not records
        if not endpoint.complete:
            self._take_length_as_size()

    def _take_length_as_size(self) -> None:
        """Declare the length of the largest page as the size, as the API has no longer ones."""
        paging, length = self.endpoint.paging, self.page_length
        if paging.size and 0 < length < paging.size:
            evidence = f"{length} records came when {paging.size} were asked for"
            self.endpoint.paging = _with_size(paging, paging.size_param, length, evidence)

    def _leave_unconfirmed(self, subject: str) -> None:
        endpoint = self.endpoint
        endpoint.unconfirmed = f"{subject} says that there are more records"
        endpoint.notes.append(
            f"{endpoint.unconfirmed}, but no parameter that was tried leads to them; "
            "name the right one with --parameter"
        )

    def _may_be_full(self, count: int, *, can_compare: bool) -> bool:
        """Tell whether a page may be as long as this API makes one: a full page is never the whole table.

        If pages of other sizes can be asked for, a page that stays as it was may be a full one, too.
        """
        return count in USUAL_PAGE_SIZES or (can_compare and count == len(self.record_list.records) > 1)

    def _described_sizes(self, count: int) -> list[str]:
        """Return the described sizes of a page that the first page has exactly."""
        described = self.known if isinstance(self.known, Mapping) else {}
        names = [name for name in SIZE_PARAMS if name in described] + names_alike(SIZE_PARAMS, described)
        return [
            f"the described {key} of {name}, {count},"
            for name in names
            for key in ("default", "maximum")
            if described[name].get(key) == count
        ]

    def _paging_of_other_endpoints(self) -> Paging | None:
        """Return the other endpoints' paging for a list that is too short to show its own, if it does no harm."""
        paginator: dict[str, Any] = dict(self.conventions.paginator)
        kind = paginator.get("type")
        evidence = assumed("as at the other endpoints, this list is too short to show it")
        if kind in ("offset", "page_number"):
            paging = Paging(paginator, evidence)
            few = len(self.record_list.records) < 2
            params = paging.params_at(1, len(self.record_list.records)) if few else None
            return paging if params and not self.record_list.request_page(params)[1] else None
        _, last, key = str(paginator.get("cursor_path", "")).partition("[-1].")
        if last:
            names = [*self.record_list.wrapper, key.rpartition(".")[2]]
            if not all(names[-1] in record for record in self.record_list.records):
                return None
            paginator["cursor_path"] = f"{json_path(self.record_list.path)}[-1].{json_path(tuple(names))}"
        return Paging(paginator, evidence) if kind else None

    def stop_at_empty_page(self, response: ApiResponse) -> None:
        """Declare that an empty page is the last one, if it has a cursor to another page all the same."""
        paging = self.endpoint.paging
        paginator = paging.paginator
        has_end = "has_more_path" in paginator or "stop_after_empty_page" in paginator
        if paginator["type"] == "cursor" and not has_end and response.body and next_cursor(response, paging):
            evidence = f"{paging.evidence}; an empty page has a cursor, too"
            stopping = {**paginator, "stop_after_empty_page": True}
            self.endpoint.paging = replace(paging, paginator=stopping, evidence=evidence)

    def use_has_more(self, far: ApiResponse) -> None:
        """Declare the field that says whether there are more pages, since no empty page ends the list.

        Args:
            far: The answer to the request for a page far behind the last one, which has records all the same.
        """
        endpoint = self.endpoint
        path = has_more_path(self.record_list.first, self.record_list.path)
        if path and BodyPath(path).find(far.body)[:1] == [False]:
            paginator = {**endpoint.paging.paginator, "has_more_path": path}
            evidence = f"{endpoint.paging.evidence}; behind the last page records come again"
            endpoint.paging = replace(endpoint.paging, paginator=paginator, evidence=evidence)
        else:
            endpoint.notes.append(
                "behind the last page records come again, and neither a total nor another field tells the end: a load "
                "fails at the repeated page"
            )

    def avoid_endless_links(self) -> None:
        """Replace links that lead to other pages even behind the last page, or to the last page itself.

        Without a total, nothing then tells a full last page from another one. The link's own parameter can count.
        """
        endpoint = self.endpoint
        paging = endpoint.paging
        if (
            paging.paginator["type"] not in ("json_link", "header_link")
            or endpoint.total
            or endpoint.complete
        ):
            return
        first = next((len(records) for _, records in self.record_list.pages if records), 0)
        counted = paging_by_address(paging.pointer, paging.pointer_count or first)
        if counted is None or not self.record_list.client.requests_left:
            return
        by_number = Paging(counted, "", size=paging.size, size_param=paging.size_param)
        size = paging.size or first
        response, records = self.record_list.request_page(by_number.params_at(size, _FAR_PAGE * size) or {})
        if response.refused or records or next_url(response, paging) is None:
            return
        evidence = f"{paging.evidence}, but the last page has one too"
        sized = replace(paging, paginator=counted, evidence=evidence)
        endpoint.paging = _with_size(sized, paging.size_param, size, paging.size_evidence)


def _with_size(paging: Paging, size_param: str | None, size: int, evidence: str) -> Paging:
    """Return the paging with its page size, in the paginator or in the parameters."""
    if paging.paginator["type"] in ("offset", "range"):
        paginator = {**paging.paginator, "limit": size}
        if size_param and size_param != "limit":
            paginator["limit_param"] = size_param
        return replace(
            paging, paginator=paginator, params={}, size=size, size_param=size_param, size_evidence=evidence
        )
    params = {**paging.params, **({size_param: size} if size_param else {})}
    return replace(paging, params=params, size=size, size_param=size_param, size_evidence=evidence)
