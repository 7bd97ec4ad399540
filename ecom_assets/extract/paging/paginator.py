"""Paginator that holds the pages of a slice back until they are one complete list.

dlt's own paginators put the next page into the request. `SlicePaginator` decides whether there is a next page,
whether the pages fit together, and whether they have to be read once more. See
`ecom_assets.extract.paging.completeness` for how a complete list is recognised.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any, NoReturn

from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    OffsetPaginator,
    RangePaginator,
)
from requests import Request, Response

from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics, SliceStatistics
from ecom_assets.contract.record_keys import Key, keys_of, number_equal_keys
from ecom_assets.declaration.api.paginator import new_paginator, reported_total
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.answers.ignored_answers import RefusedLists, is_ignored
from ecom_assets.extract.answers.masked_values import count_masked, is_masked
from ecom_assets.extract.paging.completeness import CompletenessCheck, ListChanged, PagePass, SliceLimits
from ecom_assets.extract.paging.detection import DetectedPaging, declares_paging, detect_paging
from ecom_assets.extract.paging.fallback_lists import FallbackLists
from ecom_assets.extract.paging.guarded_paginator import guarded_paginator
from ecom_assets.extract.paging.page_reader import PageReader
from ecom_assets.extract.paging.record_detection import RecordDetection
from ecom_assets.foundation.errors import IncompleteSlice

MAX_RESTARTS = 3
"""How often a slice is read again because its list changed."""
MAX_EMPTY_PAGES = 100
"""How many pages in a row may bring no record and still lead to another page."""
RECORDS = "records"
"""The key under which all records of a slice are handed over at once."""


def no_limits(slice_id: str) -> SliceLimits:
    """Return the limits of a slice that has no end."""
    return SliceLimits()


class SlicePaginator(BasePaginator):
    """Reads the pages of one slice and hands over its distinct records as one item.

    dlt copies the paginator for every slice. `total_path` or `total_header` of the declared paginator always is
    the number of records in the slice, whatever the kind of paging is. Raises IncompleteSlice if the pages do not
    become a complete list.
    """

    def __init__(
        self,
        shop: Shop,
        resource: Resource,
        statistics: ReadStatistics,
        limits: Callable[[str], SliceLimits] = no_limits,
    ) -> None:
        """Take the paginator that the resource's endpoint declares, or else the client.

        Args:
            shop: The declared shop.
            resource: A resource with an endpoint.
            statistics: Gets the figures of each slice.
            limits: Returns where the slice with an id ends.
        """
        super().__init__()
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        config = dict(endpoint.paginator or shop.client.paginator or {"type": "single_page"})
        self._resource = resource.name
        self._declares_paging = declares_paging(shop, resource)
        self._statistics = statistics
        self._limits_of = limits
        self._page_reader = PageReader(
            resource.name, endpoint, reported_total(config), RecordDetection(resource)
        )
        self._refused_lists = RefusedLists(shop, resource)
        self._completeness = CompletenessCheck(shop, resource)
        self._incremental = endpoint.incremental
        self._key_paths = resource.key_paths
        self._has_primary_key = bool(resource.primary_key)
        inner = new_paginator(config)
        self._by_position = isinstance(inner, RangePaginator)
        self._unused_inner = guarded_paginator(inner, resource.name)
        self._slice_statistics = SliceStatistics()
        self._limits = SliceLimits()
        self._started = 0.0
        self._first_request: tuple[Any, ...] = ("", None, None, None)
        self._lists = FallbackLists(self._incremental)
        self._start_pass(PagePass())

    def __deepcopy__(self, memo: object) -> SlicePaginator:
        """Return a paginator for another slice. What the two share never changes."""
        other = copy.copy(self)
        other._slice_statistics = SliceStatistics()
        other._lists = FallbackLists(self._incremental)
        other._start_pass(PagePass())
        return other

    def _start_pass(self, page_pass: PagePass) -> None:
        """Begin with the first page."""
        self._inner: BasePaginator = copy.deepcopy(self._unused_inner)
        self._page_reader = self._page_reader.for_another_pass()
        self._detected_paging: DetectedPaging | None = None
        self._pass = page_pass
        self._last_page: list[Key] = []
        self._pages_repeat_records: bool | None = None
        self._offset = 0
        self._empty_pages = 0
        self._has_next_page = True
        self._read_again = self._read_next_list = False

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and keep the request for further passes."""
        slice_id = request.headers[SLICE_HEADER]
        self._slice_statistics = self._statistics.of(slice_id)
        self._limits = self._limits_of(slice_id)
        self._started = time.monotonic()
        self._first_request = copy.deepcopy((request.url, request.params, request.json, request.headers))
        self._lists = FallbackLists(self._incremental)
        self._start_pass(PagePass())
        self._inner.init_request(request)

    def update_request(self, request: Request) -> None:
        """Put the next page into the request, or the first page of another pass or of another list."""
        if self._read_next_list:
            request.url, request.params, request.json, request.headers = copy.deepcopy(self._first_request)
            self._lists.to_next_list(request)
            self._first_request = copy.deepcopy((request.url, request.params, request.json, request.headers))
            self._start_pass(PagePass(is_masked=self._pass.is_masked))
            self._inner.init_request(request)
        elif self._read_again:
            self._start_pass(self._pass.next_pass())
            request.url, request.params, request.json, request.headers = copy.deepcopy(self._first_request)
            self._inner.init_request(request)
        elif self._has_next_page:
            self._inner.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Add a page. Empty `data`, or put the whole slice into it once the slice is complete."""
        page = data if data is not None else []
        rows = self._page_reader.records(response, page)
        try:
            self._has_next_page = self._add_page(response, rows)
            if not self._has_next_page:
                is_complete = self._completeness.is_complete(self._pass, self._limits)
                self._read_again = self._has_next_page = not is_complete
                if is_complete:
                    self._lists.add(self._pass.records, self._pass.total)
                    self._read_next_list = self._has_next_page = self._lists.has_next_list
        except ListChanged as change:
            if self._slice_statistics.restarts >= MAX_RESTARTS:
                self._fail(f"{change}, also after {MAX_RESTARTS} restarts")
            self._slice_statistics.restarts += 1
            self._read_again = self._has_next_page = True
        if self._has_next_page:
            page[:] = []
            return
        records = self._lists.records
        page[:] = [{RECORDS: records}]
        self._slice_statistics.source_total = self._lists.total
        self._slice_statistics.fetched = len(records)
        if self._pass.is_masked:
            self._slice_statistics.masked = count_masked(records)
        self._slice_statistics.seconds = time.monotonic() - self._started
        self._slice_statistics.complete = True

    def held_records(self, rows: list[Any]) -> list[Any]:
        """Return what is held back of the records of a page until the list is complete: the records themselves."""
        return rows

    def _add_page(self, response: Response, rows: list[Any]) -> bool:
        """Add the records of a page, and return whether there is another page."""
        page_pass = self._pass
        page_pass.pages += 1
        page_pass.is_masked = page_pass.is_masked or is_masked(response)
        if is_ignored(response):
            self._slice_statistics.ignored += 1
            self._refused_lists.add(response, self._slice_statistics, is_first=page_pass.pages == 1)
        if page_pass.pages == 1:
            page_pass.set_start(response)
            if not self._declares_paging and not is_ignored(response):
                self._follow_detected_paging(response, rows)
        inner = self._inner
        total = self._page_reader.total(response, known=page_pass.total is not None)
        form = (
            None if rows or is_ignored(response) else self._page_reader.empty_answers.declared_form(response)
        )
        if not is_ignored(response):
            self._page_reader.empty_answers.add(
                response, self._slice_statistics, is_list=form is None, total=total
            )
        if page_pass.total is None:
            page_pass.total = total
        elif total is not None and self._is_contradiction(total, page_pass.total):
            raise ListChanged(f"the total went from {page_pass.total} to {total} while the pages were read")
        keys = keys_of(rows, self._key_paths)
        if not self._has_primary_key:
            keys = number_equal_keys(keys)
        if len(keys) > 1 and keys == self._last_page:
            self._fail("the API repeats a page; does it ignore the parameter that says which page is wanted?")
        self._empty_pages = 0 if keys else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES:
            self._fail(f"{self._empty_pages} pages in a row brought no record, and there are still more")
        if type(inner) is OffsetPaginator:  # a subclass decides for itself where the next page is
            return self._add_offset_page(inner, response, rows, keys)
        new = self._add_records(keys, self.held_records(rows))
        page_pass.pages_overlap = False
        if is_ignored(response) or (self._by_position and page_pass.has_reached_total):
            return False
        if form and type(inner) is not HeaderLinkPaginator and not isinstance(response.json(), dict):
            return False  # nothing in the body can lead to another page
        inner.update_state(response, rows)
        if keys and not new and inner.has_next_page:
            raise ListChanged("a page brought no record that had not been seen, and there are still more")
        return inner.has_next_page

    def _follow_detected_paging(self, response: Response, rows: list[Any]) -> None:
        """Take the paginator that dlt detects in the first page. Fail if it is one that cannot be followed."""
        self._detected_paging = detect_paging(response, rows)
        if self._detected_paging is None:
            return
        if self._detected_paging.paginator is None:
            self._fail("the response leads to another page, and dlt only guesses how to request it")
        self._inner = self._detected_paging.paginator

    def _is_contradiction(self, total: int, first_total: int) -> bool:
        """Tell whether the total of a later page shows that the records of the first total cannot all come.

        With a cursor, a total may grow: the cursors tell which records are younger than the first page. Next links
        and cursors also pass over records that are gone, so their total may fall.
        """
        if not self._completeness.has_cursor:
            return total != first_total
        return total < first_total and self._by_position

    def _add_records(self, keys: list[Key], rows: list[Any]) -> int:
        """Add the records of a page that was not asked for by offset, and return how many of them are new.

        A record that comes again has moved ahead in the list; its state with the later cursor stays. Without a
        total, the record may also have been pushed here by a record inserted before it, while another record was
        pushed over the edge of a page and missed. Then a record may come again only at the start of a page, as the
        end of the page before, and only if every page starts so.
        """
        known = self._pass.records
        new = sum(key not in known for key in dict.fromkeys(keys))
        repeated = 0
        if new < len(keys):
            repeated = sum(key in known for key in keys)
            if repeated and self._by_position:
                raise ListChanged("different pages have the same records: the list changed while it was read")
        if self._pass.total is None and self._last_page:
            is_end_of_last_page = not repeated or keys[:repeated] == self._last_page[-repeated:]
            if not is_end_of_last_page or self._pages_repeat_records not in (None, repeated > 0):
                raise ListChanged("different pages have the same records: the list changed while it was read")
            self._pages_repeat_records = repeated > 0
        if new == len(keys):
            known.update(zip(keys, rows, strict=True))
        else:
            for key, row in zip(keys, rows, strict=True):
                known[key] = self._completeness.newer_state(known[key], row) if key in known else row
        self._last_page = keys or self._last_page
        return new

    def _add_offset_page(
        self, inner: OffsetPaginator, response: Response, rows: list[Any], keys: list[Key]
    ) -> bool:
        """Add a page that was asked for by offset, and return whether there is another page.

        It overlaps the page before by that page's last record, unless that page had only one record.
        """
        page_pass = self._pass
        overlap = 1 if len(self._last_page) > 1 else 0
        if overlap and keys and keys[0] != self._last_page[-1]:
            raise ListChanged(
                f"the page at {inner.param_name or inner.param_body_path} {inner.current_value} does not begin with "
                f"the last record of the page before ({self._completeness.key_for_message(self._last_page[-1])}): "
                "the list changed while it was read, or has no fixed order"
            )
        if overlap and not keys and (page_pass.total is not None or not is_ignored(response)):
            raise ListChanged("the list became shorter while it was read")
        if page_pass.pages > 1 and not (overlap and keys):
            page_pass.pages_overlap = False
        new_keys = keys[overlap:]
        if any(key in page_pass.records for key in new_keys):
            raise ListChanged(
                "different pages have the same records: the list changed while it was read, or has no fixed order"
            )
        page_pass.records.update(zip(keys, self.held_records(rows), strict=True))
        self._offset += len(new_keys)
        if page_pass.has_reached_total or not new_keys:
            return False
        if inner.has_more_path is not None:
            inner.update_state(response, rows)
            if not inner.has_next_page:
                return False
        self._last_page = keys
        offset = inner.initial_value + self._offset
        if inner.maximum_value is not None and offset >= inner.maximum_value:
            return False
        inner.current_value = offset - 1 if len(keys) > 1 else offset
        return True

    def _fail(self, reason: str) -> NoReturn:
        if self._detected_paging is not None:
            reason += (
                f". No paginator is declared. Declare paginator: {self._detected_paging.declaration}, which dlt "
                "detects here, or paginator: single_page if the first page is everything"
            )
        raise IncompleteSlice(f"{self._resource}: {reason}")
