"""The pages of one reading of a list: what each adds, whether another one follows, and what confirms the last one.

`SlicePaginator` begins the reading, and decides whether it has to be done again.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Literal, NoReturn

from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    OffsetPaginator,
    RangePaginator,
)
from requests import Request, Response

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.client.responses import has_unmarked_end
from ecom_assets.contract.record_keys import Key, keys_of, number_equal_keys
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.answers.ignored_answers import RefusedLists, is_ignored
from ecom_assets.extract.answers.masked_values import is_masked
from ecom_assets.extract.paging.completeness import CompletenessCheck, ListChanged, PagePass
from ecom_assets.extract.paging.detection import DetectedPaging, declares_paging, detect_paging
from ecom_assets.extract.paging.end_of_list import EndOfList
from ecom_assets.extract.paging.guarded_paginator import paginator_of
from ecom_assets.extract.paging.last_page import NOTHING, TOTAL, LastPage
from ecom_assets.extract.paging.more_pages import more_pages_of
from ecom_assets.extract.paging.page_reader import PageReader
from ecom_assets.extract.paging.page_sequence import PageSequence
from ecom_assets.extract.paging.page_size import PageSizes
from ecom_assets.extract.paging.past_the_end import refused_status
from ecom_assets.extract.paging.pointer_paginator import PointerPaginator
from ecom_assets.extract.paging.record_detection import RecordDetection
from ecom_assets.foundation.errors import IncompleteSlice

MAX_EMPTY_PAGES = 100
"""How many pages in a row may bring no record and still lead to another page."""


class PageAdder(BasePaginator):
    """Adds page after page to a pass, through the paginator that the resource's endpoint declares, or else the client.

    Raises IncompleteSlice if the pages cannot become a complete list, and ListChanged if another pass may help.
    """

    def __init__(self, shop: Shop, resource: Resource) -> None:
        """Take the shop, and a resource with an endpoint."""
        super().__init__()
        endpoint = resource.endpoint
        if endpoint is None:
            raise LookupError(f"{resource.name} has no endpoint")
        config = dict(endpoint.paginator or shop.client.paginator or {"type": "single_page"})
        self._resource = resource.name
        self._declares_paging = declares_paging(shop, resource)
        self._max_pages = shop.policy.max_pages
        self._page_reader = PageReader(resource, endpoint, config, RecordDetection(resource))
        self._refused_lists = RefusedLists(shop, resource)
        self._completeness = CompletenessCheck(shop, resource)
        self._key_paths, self._has_primary_key = resource.key_paths, bool(resource.primary_key)
        inner = self._unused_inner = paginator_of(config, resource.name)
        self._by_position = isinstance(getattr(inner, "paginator", inner), RangePaginator)
        self._more = more_pages_of(resource.name, config)
        is_child, is_declared = resource.parent is not None, self._declares_paging
        self._end = EndOfList(resource.name, is_child=is_child, is_declared=is_declared)
        self._slice_statistics = SliceStatistics()
        self._sizes = PageSizes(Request())
        self._start_pass(PagePass())

    def _start_pass(self, page_pass: PagePass) -> None:
        """Begin with the first page."""
        self._inner: BasePaginator = copy.deepcopy(self._unused_inner)
        self._page_reader = self._page_reader.for_another_pass()
        self._detected_paging: DetectedPaging | None = None
        self._pass = page_pass
        self._pages = PageSequence(page_pass, self._completeness, by_position=self._by_position)
        self._empty_pages = 0
        self._has_next_page = True
        self._extra: (
            Literal["beyond the total", "beyond the pages", "smaller page", "behind an empty page"] | None
        ) = None
        self._sign_of_more: str | None = None
        self._pages_behind = 0
        self._more = self._more.before_first_page()

    def held_records(self, rows: list[Any]) -> list[Any]:
        """Return what is held back of the records of a page until the list is complete: the records themselves."""
        return rows

    def _add_page(self, response: Response, rows: list[Any]) -> bool:
        """Add the records of a page, and return whether there is another page."""
        page_pass = self._pass
        page_pass.pages += 1
        page_pass.has_unmarked_end = page_pass.has_unmarked_end or has_unmarked_end(response)
        page_pass.is_masked = page_pass.is_masked or is_masked(response)
        if is_ignored(response):
            self._slice_statistics.ignored += 1
            self._refused_lists.add(response, self._slice_statistics, is_first=page_pass.pages == 1)
        elif errors := self._page_reader.undeclared_errors(response):
            self._slice_statistics.with_errors += 1
            # the page may be empty because of them
            page_pass.has_unmarked_end = page_pass.has_unmarked_end or not rows
            self._slice_statistics.errors_text = self._slice_statistics.errors_text or errors
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
        elif total is not None and self._completeness.contradicts(
            total, page_pass.total, by_position=self._by_position
        ):
            raise ListChanged(f"the total went from {page_pass.total} to {total} while the pages were read")
        self._end.note_page(response, len(rows))
        keys = self._keys_of(rows)
        if len(keys) > 1 and keys == self._pages.last_page:
            self._fail("the API repeats a page; does it ignore the parameter that says which page is wanted?")
        self._empty_pages = 0 if keys else self._empty_pages + 1
        if self._empty_pages > MAX_EMPTY_PAGES:
            self._fail(f"{self._empty_pages} pages in a row brought no record, and there are still more")
        self._pages.longest_page = max(self._pages.longest_page, len(keys))
        held = self.held_records(rows)
        if isinstance(inner, OffsetPaginator):  # a class of the user's is guarded, and decides for itself
            more = self._pages.add_offset_page(inner, response, held, keys)
            if more:
                more = self._says_more(response) is not False and not page_pass.has_reached_total
        else:
            new = self._pages.add(keys, held)
            more = self._leads_on(inner, response, rows, form=form, is_repeated=bool(keys) and not new)
        self._pages.refuse_more_than_total(page_pass.distinct)
        if more and page_pass.pages >= self._max_pages:
            self._fail(
                f"{page_pass.pages} pages were read, and there are still more; the list may have no end. Check the "
                "paginator, ask for larger pages or smaller windows, or raise policy.max_pages"
            )
        return more

    def _leads_on(
        self,
        inner: BasePaginator,
        response: Response,
        rows: list[Any],
        *,
        form: str | None,
        is_repeated: bool,
    ) -> bool:
        """Tell whether a page that was asked for by number, link or cursor leads to another one.

        Args:
            inner: The paginator.
            response: The response.
            rows: The records in it, whole.
            form: How the response says that there are no records, if it does so in a declared form.
            is_repeated: Whether all records of the page came before.
        """
        self._pass.pages_overlap = False
        if is_ignored(response):
            return False
        if form and type(inner) is not HeaderLinkPaginator and not isinstance(response.json(), dict):
            return False  # nothing in the body can lead to another page
        inner.update_state(response, rows)
        is_pointer = isinstance(inner, PointerPaginator) and not inner.stopped_at_empty_page
        says_more = self._says_more(response) if inner.has_next_page or is_pointer else None
        by_count = self._more.by_count(response, inner, self._pass.pages, has_records=bool(rows))
        says_more = by_count if says_more is None else says_more
        more = inner.has_next_page and says_more is not False
        if self._by_position and self._pass.has_reached_total:
            return False
        leads_to_itself = isinstance(inner, PointerPaginator) and inner.leads_to_itself
        if is_repeated and (more or leads_to_itself):
            raise ListChanged("a page brought no record that had not been seen, and there are still more")
        return more

    def _follow_detected_paging(self, response: Response, rows: list[Any]) -> None:
        """Take the paginator that dlt detects in the first page. Fail if it is one that cannot be followed."""
        self._detected_paging = detect_paging(response, rows)
        if self._detected_paging is None:
            return
        if self._detected_paging.config is None:
            self._fail("the response leads to another page, and dlt only guesses how to request it")
        self._inner = self._new_inner()
        self._inner.init_request(Request(url=response.url))

    def _new_inner(self) -> BasePaginator:
        """Return the declared or detected paginator, before the first page."""
        if self._detected_paging is not None and self._detected_paging.config is not None:
            return paginator_of(self._detected_paging.config, self._resource)
        return copy.deepcopy(self._unused_inner)

    def _says_more(self, response: Response) -> bool | None:
        """Return what the field at `has_more_path` says, None if none is declared."""
        is_short = not self._sizes.may_be_full(self._pages.longest_page, 0, pages=1)
        return self._more.by_field(response, is_short=is_short)

    def _needs_extra_page(self, response: Response, rows: list[Any]) -> bool:
        """Tell whether one more request has to confirm that this page is the last one, and note what confirms it."""
        page_pass, longest = self._pass, self._pages.longest_page
        self._last = LastPage(
            response,
            self._inner,
            count=len(rows),
            records=page_pass.distinct,
            last_filled=len(self._pages.last_page),
            has_short_page=self._pages.has_short_page,
            longest=longest,
            pages=page_pass.pages,
            sizes=self._sizes,
            has_total=page_pass.total is not None,
            says_more=self._more.said,
            says_more_at=self._more.place,
            is_one_record=len(rows) == 1 and self._page_reader.is_one_record(response),
        )
        if page_pass.total is not None and page_pass.distinct != page_pass.total:
            return False  # which is incomplete anyway
        if is_ignored(response):
            page_pass.confirmed_by = self._end.by_ignored_page(self._last)
            if isinstance(self._inner, RangePaginator):
                self._pages_behind = self._end.pages_behind(self._last, None)
            return self._steps_over_page()
        is_without_new = not rows or self._pages.is_overlap_only
        if self._by_position and is_without_new and self._more.has_more.is_true(response):
            self._last = replace(self._last, says_more=True)
        page_pass.confirmed_by = self._end.confirmed_by(self._last)
        if is_without_new and isinstance(self._inner, RangePaginator):
            self._sign_of_more = self._end.sign_behind_empty_page(self._last)
            self._pages_behind = self._end.pages_behind(self._last, self._sign_of_more)
        if is_doubtful := self._end.doubts_total(self._last):
            page_pass.confirmed_by = NOTHING
        is_short = page_pass.pages > 1 and len(rows) < longest
        if self._steps_over_page():
            return True
        if page_pass.confirmed_by is None:
            self._extra = "smaller page"
        elif (
            self._by_position
            and page_pass.total is not None
            and self._inner.has_next_page
            and (
                is_doubtful or self._more.said or self._sizes.may_be_full(len(rows), longest, page_pass.pages)
            )
        ):
            self._extra = "beyond the total"
        elif self._more.pages is not None and self._inner.has_next_page and not is_short:
            self._extra = "beyond the pages"
        return self._extra is not None

    def _steps_over_page(self) -> bool:
        """Go on to the page behind one without a record if it has to be empty too, and return whether it has to."""
        if not self._pages_behind or not isinstance(self._inner, RangePaginator):
            return False
        self._inner.current_value += self._inner.value_step
        self._pages_behind -= 1
        self._extra = "behind an empty page"
        return True

    def _take_extra_page(self, response: Response, rows: list[Any]) -> bool:
        """Check a page that only has to confirm that the list is complete. Return whether one more has to."""
        if self._extra == "beyond the total":
            self._check_beyond_total(response, rows)
            return False
        if self._extra == "beyond the pages":
            if set(self._keys_of(rows)) - self._pass.records.keys():
                self._fail(self._more.error_of_page_behind())
            return False
        if self._extra == "behind an empty page":
            if set(self._keys_of(rows)) - self._pass.records.keys():
                self._end.fail_behind_empty_page(self._sign_of_more)
            return not is_ignored(response) and self._steps_over_page()
        inner = self._new_inner()
        inner.update_state(response, rows)
        same_total = self._page_reader.total(response, known=False) == self._pass.total
        self._pass.confirmed_by = self._end.check_smaller_page(self._last, inner, same_total=same_total)
        return False

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
            if self._completeness.contradicts(total, page_pass.total, by_position=self._by_position):
                raise ListChanged(
                    f"the total went from {page_pass.total} to {total} while the pages were read"
                )
            if total > page_pass.total:
                return
        keys = self._keys_of(rows)
        if page_pass.confirmed_by == NOTHING and self._end.note_page_beyond(response):
            page_pass.confirmed_by = TOTAL
        self._pages.refuse_more_than_total(page_pass.distinct + len(set(keys) - page_pass.records.keys()))

    def _keys_of(self, rows: list[Any]) -> list[Key]:
        keys = keys_of(rows, self._key_paths)
        return keys if self._has_primary_key else number_equal_keys(keys)

    def _fail(self, reason: str, kind: type[IncompleteSlice] = IncompleteSlice) -> NoReturn:
        if self._detected_paging is not None:
            reason += (
                f". No paginator is declared. Declare paginator: {self._detected_paging.declaration}, which dlt "
                "detects here, or paginator: single_page if the first page is everything"
            )
        raise kind(f"{self._resource}: {reason}")
