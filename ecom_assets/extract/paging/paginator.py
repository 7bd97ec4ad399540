"""Paginator that holds the pages of a slice back until they are one complete list.

dlt's own paginators put the next page into the request. `SlicePaginator` decides whether there is a next page,
whether the pages fit together, and whether they have to be read once more. See
`ecom_assets.extract.paging.completeness` for how a complete list is recognised.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any, Literal

from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator, RangePaginator
from requests import Request, Response

from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics, SliceStatistics
from ecom_assets.contract.record_keys import Key, keys_of, number_equal_keys
from ecom_assets.declaration.api.item_range import ItemRangePaginator
from ecom_assets.declaration.api.paginator import PAGINATORS, reported_total
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.paging.completeness import CompletenessCheck, ListChanged, PagePass, SliceLimits
from ecom_assets.extract.paging.detection import declares_paging, refuse_undeclared_paging
from ecom_assets.extract.paging.end_of_list import EndOfList, LastPage
from ecom_assets.extract.paging.guarded_paginator import paginator_of
from ecom_assets.extract.paging.has_more import HasMore
from ecom_assets.extract.paging.page_reader import PageReader, is_ignored
from ecom_assets.extract.paging.page_sequence import PageSequence
from ecom_assets.extract.paging.page_size import PageSizes, resize_pages
from ecom_assets.extract.paging.past_the_end import PAST_THE_END, ends_at_416, refused_status
from ecom_assets.extract.paging.pointer_paginator import PointerPaginator
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
        self._max_pages = shop.policy.max_pages
        self._statistics = statistics
        self._limits_of = limits
        self._page_reader = PageReader(resource, reported_total(config))
        self._completeness = CompletenessCheck(shop, resource)
        self._key_paths = resource.key_paths
        self._has_primary_key = bool(resource.primary_key)
        inner = self._unused_inner = paginator_of(config, resource.name)
        self._by_position = isinstance(getattr(inner, "paginator", inner), RangePaginator)
        self._has_more = HasMore(
            resource.name, config.get("has_more_path") if config["type"] in PAGINATORS else None
        )
        self._end = EndOfList(resource.name)
        self._slice_statistics = SliceStatistics()
        self._limits = SliceLimits()
        self._started = 0.0
        self._first_request: tuple[Any, ...] = ()
        self._hooks: Any = None
        self._sizes = PageSizes(Request())
        self._start_pass(PagePass())

    def __deepcopy__(self, memo: object) -> SlicePaginator:
        """Return a paginator for another slice. What the two share never changes."""
        other = copy.copy(self)
        other._slice_statistics = SliceStatistics()
        other._start_pass(PagePass())
        return other

    def _start_pass(self, page_pass: PagePass) -> None:
        """Begin with the first page."""
        self._inner: BasePaginator = copy.deepcopy(self._unused_inner)
        self._pass = page_pass
        self._pages = PageSequence(page_pass, self._completeness, by_position=self._by_position)
        self._empty_pages = 0
        self._has_next_page = True
        self._extra: Literal["beyond the total", "smaller page"] | None = None
        self._more_said: bool | None = None
        self._read_again = False

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and keep the request for further passes."""
        slice_id = request.headers[SLICE_HEADER]
        self._slice_statistics = self._statistics.of(slice_id)
        self._limits = self._limits_of(slice_id)
        self._started = time.monotonic()
        self._first_request = copy.deepcopy(_parts_of(request))
        self._start_pass(PagePass())
        self._inner.init_request(request)
        if isinstance(self._inner, ItemRangePaginator):
            request.hooks = ends_at_416(request.hooks)
        self._hooks = request.hooks
        self._sizes = PageSizes(request, self._inner)

    def update_request(self, request: Request) -> None:
        """Put the next page into the request, or the first page of another pass."""
        if self._read_again:
            self._start_pass(PagePass(previous_digests=self._pass.digests))
            self._put_first_page(request, self._inner)
        elif self._extra == "smaller page":
            self._put_first_page(request, copy.deepcopy(self._unused_inner))
            resize_pages(request, self._sizes.closest(self._last.count), self._last.count - 1)
        elif self._has_next_page:
            self._inner.update_request(request)
            if self._extra:
                request.hooks = PAST_THE_END

    def _put_first_page(self, request: Request, inner: BasePaginator) -> None:
        """Put the first page into the request, as it was at first."""
        first = copy.deepcopy(self._first_request)
        request.url, request.params, request.json, request.data, request.headers = first
        request.hooks = self._hooks
        inner.init_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Add a page. Empty `data`, or put the whole slice into it once the slice is complete."""
        page = data if data is not None else []
        rows = self._page_reader.records(response, page)
        try:
            if self._extra:
                self._take_extra_page(response, rows)
                self._has_next_page = False
            else:
                self._has_next_page = self._add_page(response, rows) or self._needs_extra_page(response, rows)
            if not self._has_next_page:
                is_complete = self._completeness.is_complete(self._pass, self._limits)
                self._read_again = self._has_next_page = not is_complete
        except ListChanged as change:
            if self._slice_statistics.restarts >= MAX_RESTARTS:
                self._fail(f"{change}, also after {MAX_RESTARTS} restarts")
            self._slice_statistics.restarts += 1
            self._read_again = self._has_next_page = True
        if self._has_next_page:
            page[:] = []
            return
        page[:] = [{RECORDS: list(self._pass.records.values())}]
        self._slice_statistics.source_total = self._pass.total
        self._slice_statistics.fetched = len(self._pass.records)
        self._slice_statistics.seconds = time.monotonic() - self._started
        self._slice_statistics.confirmed_by = self._pass.confirmed_by
        self._slice_statistics.complete = True

    def _add_page(self, response: Response, rows: list[Any]) -> bool:
        """Add the records of a page, and return whether there is another page."""
        page_pass, inner = self._pass, self._inner
        page_pass.pages += 1
        if page_pass.pages == 1:
            page_pass.set_start(response)
            if not self._declares_paging and not is_ignored(response):
                refuse_undeclared_paging(self._resource, response, rows)
        total = self._page_reader.total(response, known=page_pass.total is not None)
        if page_pass.total is None:
            page_pass.total = total
        elif total is not None and self._is_contradiction(total, page_pass.total):
            raise ListChanged(f"the total went from {page_pass.total} to {total} while the pages were read")
        keys = self._keys_of(rows)
        if len(keys) > 1 and keys == self._pages.last_page:
            self._fail("the API repeats a page; does it ignore the parameter that says which page is wanted?")
        self._empty_pages = 0 if keys else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES:
            self._fail(f"{self._empty_pages} pages in a row brought no record, and there are still more")
        self._pages.longest_page = max(self._pages.longest_page, len(keys))
        if isinstance(inner, OffsetPaginator):  # a class of the user's is guarded, and decides for itself
            more = self._pages.add_offset_page(inner, response, rows, keys)
            if more:
                more = self._says_more(response) is not False and not page_pass.has_reached_total
        else:
            more = self._add_numbered_or_linked_page(inner, response, rows, keys)
        self._pages.refuse_more_than_total(len(page_pass.records))
        if more and page_pass.pages >= self._max_pages:
            self._fail(
                f"{page_pass.pages} pages were read, and there are still more; the list may have no end. Check the "
                "paginator, ask for larger pages or smaller windows, or raise policy.max_pages"
            )
        return more

    def _add_numbered_or_linked_page(
        self, inner: BasePaginator, response: Response, rows: list[Any], keys: list[Key]
    ) -> bool:
        """Add a page that was asked for by number, link or page cursor, and return whether there is another page."""
        new = self._pages.add(keys, rows)
        self._pass.pages_overlap = False
        if is_ignored(response):
            return False
        inner.update_state(response, rows)
        is_pointer = isinstance(inner, PointerPaginator) and not inner.stopped_at_empty_page
        says_more = self._says_more(response) if inner.has_next_page or is_pointer else None
        more = inner.has_next_page and says_more is not False
        if self._by_position and self._pass.has_reached_total:
            return False
        leads_to_itself = isinstance(inner, PointerPaginator) and inner.leads_to_itself
        if keys and not new and (more or leads_to_itself):
            raise ListChanged("a page brought no record that had not been seen, and there are still more")
        return more

    def _says_more(self, response: Response) -> bool | None:
        """Return what the field at `has_more_path` says, None if none is declared."""
        self._more_said = self._has_more.read(response)
        return self._more_said

    def _needs_extra_page(self, response: Response, rows: list[Any]) -> bool:
        """Tell whether one more request has to confirm that this page is the last one, and note what confirms it."""
        page_pass, longest = self._pass, self._pages.longest_page
        self._last = LastPage(
            response,
            self._inner,
            count=len(rows),
            records=len(page_pass.records),
            longest=longest,
            pages=page_pass.pages,
            sizes=self._sizes,
            has_total=page_pass.total is not None,
            says_more=self._more_said,
            is_one_record=len(rows) == 1 and self._page_reader.is_one_record(response),
        )
        if page_pass.total is not None and len(page_pass.records) != page_pass.total:
            return False  # which is incomplete anyway
        if is_ignored(response):
            page_pass.confirmed_by = self._last.by
            return False
        page_pass.confirmed_by = self._end.confirmed_by(self._last)
        if page_pass.confirmed_by is None:
            self._extra = "smaller page"
        elif (
            self._by_position
            and page_pass.total is not None
            and self._inner.has_next_page
            and (self._more_said or self._sizes.may_be_full(len(rows), longest, page_pass.pages))
        ):
            self._extra = "beyond the total"
        return self._extra is not None

    def _take_extra_page(self, response: Response, rows: list[Any]) -> None:
        """Check a page that only has to confirm that the list is complete."""
        if self._extra == "beyond the total":
            self._check_beyond_total(response, rows)
            return
        inner = copy.deepcopy(self._unused_inner)
        inner.update_state(response, rows)
        same_total = self._page_reader.total(response, known=False) == self._pass.total
        self._pass.confirmed_by = self._end.check_smaller_page(self._last, inner, same_total=same_total)

    def _check_beyond_total(self, response: Response, rows: list[Any]) -> None:
        """Raise ListChanged if the API has records behind the number that it reports as the total."""
        page_pass, status = self._pass, refused_status(response)
        if status == 400 and page_pass.total and page_pass.total % 500 == 0:
            self._fail(
                f"the API says it has {page_pass.total} records, and refuses with status 400 to show what follows: "
                "the total may be a maximum. Ask for less at a time with smaller windows, or declare no total_path"
            )
        if is_ignored(response):
            return
        total = self._page_reader.total(response, known=True)
        if total is not None and page_pass.total is not None:
            if self._is_contradiction(total, page_pass.total):
                raise ListChanged(
                    f"the total went from {page_pass.total} to {total} while the pages were read"
                )
            if total > page_pass.total:
                return
        keys = self._keys_of(rows)
        self._pages.refuse_more_than_total(len(page_pass.records) + len(set(keys) - page_pass.records.keys()))

    def _keys_of(self, rows: list[Any]) -> list[Key]:
        keys = keys_of(rows, self._key_paths)
        return keys if self._has_primary_key else number_equal_keys(keys)

    def _is_contradiction(self, total: int, first_total: int) -> bool:
        """Tell whether the total of a later page shows that the records of the first total cannot all come.

        With a cursor, a total may grow: the cursors tell which records are younger than the first page. Next links
        and cursors also pass over records that are gone, so their total may fall.
        """
        if not self._completeness.has_cursor:
            return total != first_total
        return total < first_total and self._by_position

    def _fail(self, reason: str) -> None:
        raise IncompleteSlice(f"{self._resource}: {reason}")


def _parts_of(request: Request) -> tuple[Any, ...]:
    """Return what a paginator may change of a request."""
    return request.url, request.params, request.json, request.data, request.headers
