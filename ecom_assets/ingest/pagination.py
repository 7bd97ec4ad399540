"""Paginators that prove a slice complete: pages are held back until all of them are there and fit together.

dlt's own paginators put the page into the request; whether there is another one, whether the pages belong
together and whether they are all is decided here. What a proved slice is made into is `source`'s.
"""

from __future__ import annotations

import copy
import time
from typing import Any

from dlt.common import jsonpath
from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator, PageNumberPaginator
from requests import Request, Response

from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.ingest.declared_client import PAGINATORS
from ecom_assets.ingest.errors import ApiError, IncompleteSlice
from ecom_assets.ingest.keys import Key, keys_of, shown
from ecom_assets.ingest.meter import SLICE_HEADER, Meter, Reading

MAX_RESTARTS = 3
RECORDS = "records"
"""The key under which a slice's records are handed over, all at once."""


class Moved(Exception):
    """The list changed while it was read; reading it again may succeed."""


class SlicePaginator(BasePaginator):
    """Reads the pages of one slice and hands over its distinct records as one item, or raises IncompleteSlice.

    dlt copies it for every slice. `total_path` or `total_header` of the declared paginator is the number of
    records in the slice, whichever kind of paging it is.
    """

    def __init__(self, shop: Shop, resource: Resource, meter: Meter) -> None:
        """Take the paginator that the resource's endpoint, or else the client, declares."""
        super().__init__()
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        config = dict(endpoint.paginator or shop.client.paginator or {"type": "single_page"})
        self._resource = resource.name
        self._meter = meter
        self._selector = endpoint.data_selector or "$"
        self._key_paths = resource.key_paths
        self._total_path = config.pop("total_path", None)
        self._total_header = config.pop("total_header", None)
        kind = config.pop("type")
        if kind in ("offset", "page_number"):
            config["total_path"] = None
        self._pristine = PAGINATORS[kind](**config)
        self._reading = Reading()
        self._began = 0.0
        self._first: tuple[Any, Any, Any] = ("", None, None)
        self._begin()

    def _begin(self) -> None:
        """Forget all pages, at the start and whenever the slice is read again."""
        self._inner: BasePaginator = copy.deepcopy(self._pristine)
        self._records: dict[Key, Any] = {}
        self._last_page: list[Key] = []
        self._total: int | None = None
        self._position = 0
        self._has_next_page = True
        self._again = False

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and remember the request to be able to begin again."""
        self._reading = self._meter.of(request.headers[SLICE_HEADER])
        self._began = time.monotonic()
        self._first = copy.deepcopy((request.url, request.params, request.json))
        self._inner.init_request(request)

    def update_request(self, request: Request) -> None:
        """Put the next page, or once more the first one, into the request."""
        if self._again:
            self._begin()
            request.url, request.params, request.json = copy.deepcopy(self._first)
            self._inner.init_request(request)
        elif self._has_next_page:
            self._inner.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take in a page; empty `data`, or on the last page put the whole slice into it."""
        page = data if data is not None else []
        rows = self._rows(response, page)
        try:
            self._has_next_page = self._take(response, rows)
            if not self._has_next_page:
                self._prove()
        except Moved as moved:
            if self._reading.restarts >= MAX_RESTARTS:
                self._fail(f"{moved}, also after {MAX_RESTARTS} restarts")
            self._reading.restarts += 1
            self._again = self._has_next_page = True
        if self._has_next_page:
            page[:] = []
            return
        page[:] = [{RECORDS: list(self._records.values())}]
        self._reading.source_total = self._total
        self._reading.fetched = len(self._records)
        self._reading.seconds = time.monotonic() - self._began
        self._reading.complete = True

    def _rows(self, response: Response, page: list[Any]) -> list[Any]:
        """Return a page's records; raises ApiError where a 200 answer has none of the declared shape."""
        if getattr(response, "ignored", False):
            return []
        if not page or len(page) == 1:
            # dlt makes an empty list of a missing selector and of null, and a list of one out of anything
            # else; which of them it was, only the answer tells
            found = jsonpath.find_values(self._selector, response.json())
            wanted = self._selector.removesuffix("[*]")
            if not found and wanted != self._selector:
                found = jsonpath.find_values(wanted, response.json())
            value = found[0] if len(found) == 1 else found or None
            if not isinstance(value, (list, dict)) or (value == {} and not page):
                shape = "nothing" if value is None else type(value).__name__
                raise ApiError(
                    f"{self._resource}: data_selector {self._selector!r} found {shape} in a "
                    f"{response.status_code} answer with {_shape(response.json())}; a list of records was expected"
                )
        if self._selector == "$" and isinstance(response.json(), dict):
            raise ApiError(
                f"{self._resource}: the answer is an object with {_shape(response.json())}; "
                "declare which of them holds the records with data_selector"
            )
        return list(page)

    def _take(self, response: Response, rows: list[Any]) -> bool:
        """Add a page's records and return whether another page is needed."""
        self._check_total(response)
        keys = keys_of(rows, self._key_paths)
        inner = self._inner
        if len(keys) > 1 and keys == self._last_page:
            self._fail("the API repeats a page; does it ignore the parameter that says which page is wanted?")
        if isinstance(inner, OffsetPaginator):
            return self._take_offset(inner, response, rows, keys)
        fresh = sum(key not in self._records for key in dict.fromkeys(keys))
        if isinstance(inner, PageNumberPaginator) and fresh < len(keys):
            raise Moved("records were seen twice on different pages: the list moved while it was read")
        self._records.update(zip(keys, rows, strict=True))
        self._last_page = keys
        if getattr(response, "ignored", False) or (isinstance(inner, PageNumberPaginator) and self._is_all()):
            return False
        inner.update_state(response, rows)
        if keys and not fresh and inner.has_next_page:
            self._fail("a page brought no record that had not been seen, and there are still more")
        return inner.has_next_page

    def _take_offset(
        self, inner: OffsetPaginator, response: Response, rows: list[Any], keys: list[Key]
    ) -> bool:
        """Add a page that overlaps the one before by its last record, unless that had only one."""
        overlap = 1 if len(self._last_page) > 1 else 0
        if overlap and keys and keys[0] != self._last_page[-1]:
            raise Moved(
                f"the page at {inner.param_name or inner.param_body_path} {inner.current_value} does not begin "
                f"with the last record of the page before ({shown(self._last_page[-1])}): the list moved, "
                "or has no fixed order"
            )
        if overlap and not keys and self._total is not None:
            raise Moved("the list became shorter while it was read")
        new = keys[overlap:]
        if any(key in self._records for key in new):
            raise Moved("records were seen twice: the list moved while it was read, or has no fixed order")
        self._records.update(zip(keys, rows, strict=True))
        self._position += len(new)
        if self._is_all() or not new:
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

    def _is_all(self) -> bool:
        return self._total is not None and len(self._records) >= self._total

    def _prove(self) -> None:
        """Compare the distinct keys with what the API says it has."""
        if self._total is not None and len(self._records) != self._total:
            raise Moved(f"the API says it has {self._total} records, {len(self._records)} distinct ones came")

    def _check_total(self, response: Response) -> None:
        """Read the total of a page and compare it with the one of the pages before."""
        if (self._total_path is None and self._total_header is None) or getattr(response, "ignored", False):
            return
        if self._total_header is not None:
            where, value = f"total_header {self._total_header}", response.headers.get(self._total_header)
        else:
            found = jsonpath.find_values(self._total_path, response.json())
            where, value = f"total_path {self._total_path}", found[0] if found else None
        if value is None and self._total is not None:
            return  # some APIs report it on the first page only
        try:
            total = int(str(value)) if type(value) in (int, str) else -1
        except ValueError:
            total = -1
        if total < 0:
            shown = "nothing" if value is None else repr(value)[:40]
            raise ApiError(f"{self._resource}: {where} found {shown}; the number of records was expected")
        if self._total is not None and total != self._total:
            raise Moved(f"the total moved from {self._total} to {total} while the pages were read")
        self._total = total

    def _fail(self, reason: str) -> None:
        raise IncompleteSlice(f"{self._resource}: {reason}")


def _shape(body: Any) -> str:
    """Return the names at the top of an answer, never its values."""
    if not isinstance(body, dict):
        return f"a {type(body).__name__}"
    return f"the keys {', '.join(str(key) for key in list(body)[:8])}" if body else "no keys"
