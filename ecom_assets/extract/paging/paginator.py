"""Paginator that holds the pages of a slice back until they are one complete list.

dlt's own paginators put the next page into the request. `SlicePaginator` decides whether there is a next page,
whether the pages fit together, and whether they have to be read once more. See
`ecom_assets.extract.paging.completeness` for how a complete list is recognised.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
)
from requests import Request, Response

from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics, SliceStatistics
from ecom_assets.declaration.api.item_range import ItemRangePaginator
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.answers.masked_values import count_masked
from ecom_assets.extract.answers.redirected_answers import refuse_lost_request
from ecom_assets.extract.paging.completeness import ListChanged, PagePass, SliceLimits
from ecom_assets.extract.paging.end_of_list import may_be_maximum
from ecom_assets.extract.paging.fallback_lists import FallbackLists
from ecom_assets.extract.paging.last_page import NOTHING
from ecom_assets.extract.paging.page_adder import PageAdder
from ecom_assets.extract.paging.page_size import PageSizes, resize_pages
from ecom_assets.extract.paging.past_the_end import ends_at_416, past_the_end
from ecom_assets.extract.paging.unconfirmed import unconfirmed_problem
from ecom_assets.foundation.errors import IncompleteSlice, ListMoved

MAX_RESTARTS = 3
"""How often a slice is read again because its list changed."""
RECORDS = "records"
"""The key under which all records of a slice are handed over at once."""


def no_limits(slice_id: str) -> SliceLimits:
    """Return the limits of a slice that has no end."""
    return SliceLimits()


class SlicePaginator(PageAdder):
    """Reads the pages of one slice and hands over its records as one item.

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
        super().__init__(shop, resource)
        self._statistics = statistics
        self._limits_of = limits
        self._incremental = resource.endpoint.incremental if resource.endpoint else None
        self._unconfirmed = unconfirmed_problem(resource)
        self._limits = SliceLimits()
        self._started = 0.0
        self._first_request: tuple[Any, ...] = ()
        self._hooks: Any = None
        self._lists = FallbackLists(self._incremental)

    def __deepcopy__(self, memo: object) -> SlicePaginator:
        """Return a paginator for another slice. What the two share never changes."""
        other = copy.copy(self)
        other._slice_statistics = SliceStatistics()
        other._lists = FallbackLists(self._incremental)
        other._start_pass(PagePass())
        return other

    def _start_pass(self, page_pass: PagePass) -> None:
        super()._start_pass(page_pass)
        self._read_again = self._read_next_list = False

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and keep the request for further passes."""
        if self._unconfirmed:
            raise IncompleteSlice(self._unconfirmed)
        slice_id = request.headers[SLICE_HEADER]
        self._slice_statistics = self._statistics.of(slice_id)
        self._limits = self._limits_of(slice_id)
        self._started = time.monotonic()
        self._first_request = copy.deepcopy(_parts_of(request))
        self._lists = FallbackLists(self._incremental)
        self._start_pass(PagePass())
        self._inner.init_request(request)
        if isinstance(self._inner, ItemRangePaginator):
            request.hooks = ends_at_416(request.hooks)
        self._hooks = request.hooks
        self._sizes = PageSizes(request, self._inner)

    def update_request(self, request: Request) -> None:
        """Put the next page into the request, or the first page of another pass or of another list."""
        if self._read_next_list:
            self._restore_first_request(request)
            self._lists.to_next_list(request)
            self._first_request = copy.deepcopy(_parts_of(request))
            self._start_pass(PagePass(is_masked=self._pass.is_masked))
            self._inner.init_request(request)
        elif self._read_again:
            self._start_pass(self._pass.next_pass())
            self._put_first_page(request, self._inner)
        elif self._extra == "smaller page":
            self._put_first_page(request, self._new_inner())
            resize_pages(request, self._sizes.closest(self._last.count), self._last.count - 1)
        elif self._has_next_page:
            self._inner.update_request(request)
            if self._extra:
                request.hooks = past_the_end(self._hooks)

    def _put_first_page(self, request: Request, inner: BasePaginator) -> None:
        """Put the first page into the request, as it was at first."""
        self._restore_first_request(request)
        inner.init_request(request)

    def _restore_first_request(self, request: Request) -> None:
        first = copy.deepcopy(self._first_request)
        request.url, request.params, request.json, request.data, request.headers = first
        request.hooks = self._hooks

    def handed_over_records(self, records: list[Any]) -> list[Any]:
        """Return what is handed over of the held records of a complete list: all of them."""
        return records

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Add a page. Empty `data`, or put the whole slice into it once the slice is complete."""
        page = data if data is not None else []
        rows = self._page_reader.records(response, page)
        try:
            if self._extra:
                self._has_next_page = self._take_extra_page(response, rows)
            else:
                known = len(self._pass.records)
                more = self._add_page(response, rows)
                if len(self._pass.records) > known:
                    refuse_lost_request(self._resource, response)
                self._refuse_large_slice()
                self._has_next_page = more or self._needs_extra_page(response, rows)
            if not self._has_next_page:
                is_complete = self._completeness.is_complete(self._pass, self._limits)
                self._read_again = self._has_next_page = not is_complete
                if is_complete:
                    self._lists.add(self._pass.records, self._pass.total, self._pass.several)
                    self._read_next_list = self._has_next_page = self._lists.has_next_list
        except ListChanged as change:
            if self._slice_statistics.restarts >= MAX_RESTARTS:
                self._fail(f"{change}, also after {MAX_RESTARTS} restarts", ListMoved)
            self._slice_statistics.restarts += 1
            if self._limits.most_records is not None:
                self._fail(str(change), ListMoved)
            self._read_again = self._has_next_page = True
        if self._has_next_page:
            page[:] = []
            return
        records = self.handed_over_records(self._lists.records)
        page[:] = [{RECORDS: records}]
        self._slice_statistics.source_total = self._lists.total
        self._slice_statistics.fetched = len(records)
        if self._pass.is_masked:
            self._slice_statistics.masked = count_masked(records)
        self._slice_statistics.seconds = time.monotonic() - self._started
        is_confirmed = self._lists.total is not None or not self._pass.has_unmarked_end
        if may_be_maximum(self._pass.total, self._pass.pages):
            is_confirmed = False
        self._slice_statistics.confirmed_by = self._pass.confirmed_by if is_confirmed else NOTHING
        self._slice_statistics.complete = True

    def _refuse_large_slice(self) -> None:
        """Raise IncompleteSlice for a slice that is better read in two halves."""
        most, total = self._limits.most_records, self._pass.total
        if most is not None and total is not None and total > most and self._pass.pages == 1:
            self._fail(f"the slice has {total} records, more than the {most} that are read in one pass")


def _parts_of(request: Request) -> tuple[Any, ...]:
    """Return what a paginator may change of a request."""
    return request.url, request.params, request.json, request.data, request.headers
