"""Paginators that hold a slice's pages back until all of them are there and are proved to be one state of the list.

dlt's own paginators put the page into the request; whether there is another one, whether the pages belong
together and whether they are to be read again is decided here. What proves them is `proving`'s, what one answer
says `pages`', and what a proved slice is made into `source`'s.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator, PageNumberPaginator
from requests import Request, Response

from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics, SliceStatistics
from ecom_assets.contract.record_keys import Key, keys_of
from ecom_assets.declaration.paginator import PAGINATORS
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.completeness import CompletenessCheck, ListChanged, PagePass, SliceLimits
from ecom_assets.extract.page import PageReader, is_ignored
from ecom_assets.foundation.errors import IncompleteSlice

MAX_RESTARTS = 3
MAX_EMPTY_PAGES = 100
"""So many pages in a row may bring no record and still lead to another one."""
RECORDS = "records"
"""The key under which a slice's records are handed over, all at once."""


def unlimited(slice_id: str) -> SliceLimits:
    """Say of every slice that it has no end."""
    return SliceLimits()


class SlicePaginator(BasePaginator):
    """Reads the pages of one slice and hands over its distinct records as one item, or raises IncompleteSlice.

    dlt copies it for every slice. `total_path` or `total_header` of the declared paginator is the number of
    records in the slice, whichever kind of paging it is. `limits` tells by a slice's id where it ends.
    """

    def __init__(
        self,
        shop: Shop,
        resource: Resource,
        statistics: ReadStatistics,
        limits: Callable[[str], SliceLimits] = unlimited,
    ) -> None:
        """Take the paginator that the resource's endpoint, or else the client, declares."""
        super().__init__()
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        config = dict(endpoint.paginator or shop.client.paginator or {"type": "single_page"})
        self._resource = resource.name
        self._statistics = statistics
        self._limits_of = limits
        self._pages = PageReader(resource.name, endpoint.data_selector or "$", config)
        self._proof = CompletenessCheck(shop, resource)
        self._key_paths = resource.key_paths
        kind = config.pop("type")
        config = {key: value for key, value in config.items() if key not in ("total_path", "total_header")}
        if kind in ("offset", "page_number"):
            config["total_path"] = None
        self._pristine = PAGINATORS[kind](**config)
        self._reading = SliceStatistics()
        self._limits = SliceLimits()
        self._began = 0.0
        self._first: tuple[Any, Any, Any] = ("", None, None)
        self._begin(PagePass())

    def __deepcopy__(self, memo: object) -> SlicePaginator:
        """Return one for another slice; what it shares with this one is never changed."""
        other = copy.copy(self)
        other._reading = SliceStatistics()
        other._begin(PagePass())
        return other

    def _begin(self, taken: PagePass) -> None:
        """Start with the first page, at the beginning and whenever the slice is read again."""
        self._inner: BasePaginator = copy.deepcopy(self._pristine)
        self._pass = taken
        self._last_page: list[Key] = []
        self._repeats: bool | None = None
        self._position = 0
        self._empty_pages = 0
        self._has_next_page = True
        self._again = False

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and remember the request to be able to begin again."""
        slice_id = request.headers[SLICE_HEADER]
        self._reading = self._statistics.of(slice_id)
        self._limits = self._limits_of(slice_id)
        self._began = time.monotonic()
        self._first = copy.deepcopy((request.url, request.params, request.json))
        self._begin(PagePass())
        self._inner.init_request(request)

    def update_request(self, request: Request) -> None:
        """Put the next page, or once more the first one, into the request."""
        if self._again:
            self._begin(PagePass(earlier=self._pass.digests))
            request.url, request.params, request.json = copy.deepcopy(self._first)
            self._inner.init_request(request)
        elif self._has_next_page:
            self._inner.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take in a page; empty `data`, or on the last page put the whole slice into it."""
        page = data if data is not None else []
        rows = self._pages.records(response, page)
        try:
            self._has_next_page = self._take(response, rows)
            if not self._has_next_page:
                self._again = self._has_next_page = not self._proof.holds(self._pass, self._limits)
        except ListChanged as moved:
            if self._reading.restarts >= MAX_RESTARTS:
                self._fail(f"{moved}, also after {MAX_RESTARTS} restarts")
            self._reading.restarts += 1
            self._again = self._has_next_page = True
        if self._has_next_page:
            page[:] = []
            return
        page[:] = [{RECORDS: list(self._pass.records.values())}]
        self._reading.source_total = self._pass.total
        self._reading.fetched = len(self._pass.records)
        self._reading.seconds = time.monotonic() - self._began
        self._reading.complete = True

    def _take(self, response: Response, rows: list[Any]) -> bool:
        """Add a page's records and return whether another page is needed."""
        taken, inner = self._pass, self._inner
        taken.pages += 1
        if taken.pages == 1:
            taken.begin(response)
        total = self._pages.total(response, known=taken.total is not None)
        if taken.total is None:
            taken.total = total
        elif total is not None and self._is_off(total, taken.total):
            raise ListChanged(f"the total moved from {taken.total} to {total} while the pages were read")
        keys = keys_of(rows, self._key_paths)
        if len(keys) > 1 and keys == self._last_page:
            self._fail("the API repeats a page; does it ignore the parameter that says which page is wanted?")
        self._empty_pages = 0 if keys else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES:
            self._fail(f"{self._empty_pages} pages in a row brought no record, and there are still more")
        if isinstance(inner, OffsetPaginator):
            return self._take_offset(inner, response, rows, keys)
        fresh = self._add(keys, rows)
        taken.chained = False
        if is_ignored(response) or (isinstance(inner, PageNumberPaginator) and taken.is_all):
            return False
        inner.update_state(response, rows)
        if keys and not fresh and inner.has_next_page:
            raise ListChanged("a page brought no record that had not been seen, and there are still more")
        return inner.has_next_page

    def _is_off(self, total: int, first: int) -> bool:
        """Tell whether a later page's total shows that what the first one's counted cannot all come any more.

        Where cursors tell what is younger than the first page, a list may grow, and links pass what goes behind.
        """
        if not self._proof.by_cursor:
            return total != first
        return total < first and isinstance(self._inner, (OffsetPaginator, PageNumberPaginator))

    def _add(self, keys: list[Key], rows: list[Any]) -> int:
        """Add the records of a page that is no offset's, and return how many of them are new.

        A record that comes again has moved ahead; the state with the later cursor stays. Without a total it
        might also have been pushed here by one before it, and another one past a page's edge; so it must
        not, unless it is the end of the page before, as on every page of an API that begins with that.
        """
        known = self._pass.records
        fresh = sum(key not in known for key in dict.fromkeys(keys))
        again = 0
        if fresh < len(keys):
            again = sum(key in known for key in keys)
            if again and isinstance(self._inner, PageNumberPaginator):
                raise ListChanged(
                    "records were seen twice on different pages: the list moved while it was read"
                )
        if self._pass.total is None and self._last_page:
            if (again and keys[:again] != self._last_page[-again:]) or self._repeats not in (None, again > 0):
                raise ListChanged(
                    "records were seen twice on different pages: the list moved while it was read"
                )
            self._repeats = again > 0
        if fresh == len(keys):
            known.update(zip(keys, rows, strict=True))
        else:
            for key, row in zip(keys, rows, strict=True):
                known[key] = self._proof.newer(known[key], row) if key in known else row
        self._last_page = keys or self._last_page
        return fresh

    def _take_offset(
        self, inner: OffsetPaginator, response: Response, rows: list[Any], keys: list[Key]
    ) -> bool:
        """Add a page that overlaps the one before by its last record, unless that had only one."""
        taken = self._pass
        overlap = 1 if len(self._last_page) > 1 else 0
        if overlap and keys and keys[0] != self._last_page[-1]:
            raise ListChanged(
                f"the page at {inner.param_name or inner.param_body_path} {inner.current_value} does not begin "
                f"with the last record of the page before ({self._proof.named(self._last_page[-1])}): the list moved, "
                "or has no fixed order"
            )
        if overlap and not keys and (taken.total is not None or not is_ignored(response)):
            raise ListChanged("the list became shorter while it was read")
        if taken.pages > 1 and not (overlap and keys):
            taken.chained = False
        new = keys[overlap:]
        if any(key in taken.records for key in new):
            raise ListChanged(
                "records were seen twice: the list moved while it was read, or has no fixed order"
            )
        taken.records.update(zip(keys, rows, strict=True))
        self._position += len(new)
        if taken.is_all or not new:
            return False
        if inner.has_more_path is not None:
            inner.update_state(response, rows)
            if not inner.has_next_page:
                return False
        self._last_page = keys
        at = inner.initial_value + self._position
        if inner.maximum_value is not None and at >= inner.maximum_value:
            return False
        inner.current_value = at - 1 if len(keys) > 1 else at
        return True

    def _fail(self, reason: str) -> None:
        raise IncompleteSlice(f"{self._resource}: {reason}")
