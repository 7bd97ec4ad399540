"""What confirms that a page is the last one of a list.

A page that leads nowhere is the end only if something says so: a total, an empty pointer, a field such as `has_more`,
an empty page, or a page that is shorter than it could be. See `docs/completeness.md`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import NoReturn

from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    PageNumberPaginator,
    RangePaginator,
    SinglePagePaginator,
)
from requests import Response

from ecom_assets.extract.answers.ignored_answers import ignored_error
from ecom_assets.extract.answers.redirected_answers import is_redirected
from ecom_assets.extract.paging.guarded_paginator import GuardedPaginator
from ecom_assets.extract.paging.last_page import DECLARE_TOTAL, END, NOTHING, TOTAL, LastPage, names_at_top
from ecom_assets.extract.paging.only_page import confirmed_by_only_page
from ecom_assets.extract.paging.pointer_paginator import PointerPaginator
from ecom_assets.extract.paging.signs_of_more import (
    contradicts_end,
    contradicts_total,
    sign_of_more,
)
from ecom_assets.foundation.errors import IncompleteSlice

MAX_HOLE = 2
"""How many pages behind an empty page are asked for, if the page before it was full and there is no total."""

_log = logging.getLogger(__name__)

_ROUND = 1000
"""Totals that APIs never exceed are multiples of this, most often 1,000 or 10,000."""


def may_be_maximum(total: int | None, pages: int) -> bool:
    """Tell whether a total that was reached may be one that the API never exceeds: nothing else shows where it ends.

    Such an API shows just as many records, and then an empty page. The length of a single page confirms its total.
    """
    return bool(total) and total is not None and total % _ROUND == 0 and pages > 1


class EndOfList:
    """Decides what confirms the end of the lists of one endpoint. All slices share what was learned of its pointer."""

    def __init__(self, resource: str, *, is_child: bool = False, is_declared: bool = True) -> None:
        """Take the resource's name for messages.

        `is_child` says that it has a list for each record of a parent, `is_declared` that its paginator is declared.
        """
        self._resource = resource
        self._is_declared = is_declared
        self._is_child = is_child
        self._pointer_found = False
        self._longest_page = 0
        self._signs_say_nothing = False
        self._redirects_lead_to_records = False

    def __deepcopy__(self, memo: object) -> EndOfList:
        """Return the same object: dlt copies a paginator for every slice."""
        return self

    def confirmed_by(self, last: LastPage) -> str | None:
        """Return what confirms that a page is the last one: TOTAL, END or NOTHING.

        None means that the page may be full. The first page has to be asked for with one record fewer: then there must
        be a pointer to the rest, or the same total.

        Raises:
            IncompleteSlice: The page may be full, or something in the response says that there are more.
        """
        if is_redirected(last.response) and not self._redirects_lead_to_records:
            if last.count:
                self._redirects_lead_to_records = True
            else:
                return self._by_redirected_page(last)
        if last.response.status_code == HTTPStatus.ACCEPTED and not last.count and not last.has_total:
            _log.warning(
                "%s: a page has status 202 Accepted and no records. The API may still be preparing the list, so "
                "nothing confirms that it ends there. Run again later",
                self._resource,
            )
            return NOTHING
        paginator = last.paginator
        if isinstance(paginator, PointerPaginator):
            return self._by_pointer(last, paginator)
        if isinstance(paginator, SinglePagePaginator):
            return confirmed_by_only_page(
                self._resource,
                last,
                longest=self._longest_page,
                is_child=self._is_child,
                is_declared=self._is_declared,
            )
        if isinstance(paginator, GuardedPaginator):
            return self._by_own_class(last, paginator)
        if isinstance(paginator, RangePaginator) and not last.has_total and last.says_more is not False:
            highest = paginator.maximum_value
            if last.count and highest is not None and paginator.current_value + 1 >= highest:
                return NOTHING
            if last.has_short_page and last.says_more is None and not last.count:
                return NOTHING
        return last.by

    def by_ignored_page(self, last: LastPage) -> str:
        """Return what confirms the end if a response action ignores the last page.

        An API refuses what lies behind its last page, or the list of a record that has none. It does not lead to a page
        that it then refuses, nor refuse its whole list: the path may be wrong, or the secret may have lost a right.
        """
        status = ignored_error(last.response)
        was_led_here = isinstance(last.paginator, PointerPaginator) and last.pages > 1
        if last.has_total or status is None or not (was_led_here or (last.pages == 1 and not self._is_child)):
            return last.by
        where = "a page to which the page before leads" if was_led_here else "the first page"
        text = "%s: response_actions ignores status %s of %s, so nothing confirms that the list ends there"
        _log.warning(text, self._resource, status, where)
        return NOTHING

    def check_smaller_page(self, last: LastPage, paginator: BasePaginator, *, same_total: bool) -> str:
        """Return what confirms the end, now that the first page was asked for with one record fewer.

        Args:
            last: The last page of the list.
            paginator: A paginator that has seen the smaller page.
            same_total: Whether the smaller page has the same total.

        Raises:
            IncompleteSlice: The smaller page has neither a pointer nor the same total.
        """
        if isinstance(paginator, PointerPaginator):
            self._pointer_found = self._pointer_found or paginator.has_next_page
        if last.has_total and not same_total:
            self._fail(
                f"the API reports another total if it is asked for {last.count - 1} records instead of {last.count}, "
                "so it is the number of records on the page. Declare another total_path or total_header, or none"
            )
        if last.has_total or self._pointer_found:
            return last.by
        return self._fail_without_pointer(last, paginator)

    def _by_pointer(self, last: LastPage, paginator: PointerPaginator) -> str | None:
        self._pointer_found = self._pointer_found or (paginator.found and last.pages > 1)
        if last.says_more and not paginator.stopped_at_empty_page:
            self._fail(
                f"has_more_path says that there are more records, but {paginator.place} has no pointer to them. "
                f"Declare the place of the pointer; the response has {names_at_top(last.response)}"
            )
        has_pointer = paginator.is_told or paginator.found or self._pointer_found
        if has_pointer and last.count and not last.has_total and last.says_more is None:
            contradiction = contradicts_end(last.response, last.pages)
            if contradiction and not paginator.leads_to_itself:
                self._fail(
                    f"the pointer at {paginator.place} is empty after {last.pages} pages, but the response has "
                    f"{contradiction}. Correct the place of the pointer; {DECLARE_TOTAL}; or declare has_more_path"
                )
        if paginator.is_told or last.says_more is False or not last.count:
            return last.by
        if paginator.leads_to_itself:
            if last.may_be_full and not last.has_total:
                self._fail(
                    f"the link at {paginator.place} leads to the page that it is on, and the page has {last.count} "
                    f"records, as many as a page may have, so there may be more: {DECLARE_TOTAL}"
                )
            return last.by
        if paginator.found or self._pointer_found:
            return last.by
        sign = sign_of_more(
            last.response, last.records, by_cursor=paginator.by_cursor, has_total=last.has_total
        )
        if sign:
            self._fail(
                f"the paginator's {paginator.place} was found on no page, but the response has {sign}. Declare the "
                "place of the pointer to the next page"
            )
        if last.may_be_full:
            if last.count > 1 and last.sizes:
                return None
            if not last.has_total:
                self._fail_without_pointer(last, paginator)
        return TOTAL if last.has_total else END if last.sizes else NOTHING

    def _by_own_class(self, last: LastPage, paginator: GuardedPaginator) -> str:
        """Return what confirms the end where a class of the user's ends reading. Nobody knows what it follows."""
        if last.has_total or not last.count:
            return last.by
        sign = sign_of_more(last.response, last.records, by_cursor=False, has_total=False, pages=last.pages)
        if sign:
            text = "%s: the paginator %s ends after %s records, but the response has %s"
            _log.warning(text, self._resource, type(paginator.paginator).__name__, last.records, sign)
            return NOTHING
        knows_full_length = bool(last.sizes) or last.pages > 1
        return END if knows_full_length and not last.may_be_full else NOTHING

    def doubts_total(self, last: LastPage) -> bool:
        """Tell whether a response says that there are more records than its total, which was reached.

        Where such a field stands behind the end too, it says nothing: see `note_page_beyond`.
        """
        if not last.has_total or last.says_more is not None or not last.count or self._signs_say_nothing:
            return False
        sign = contradicts_total(last.response)
        if sign:
            _log.warning(
                "%s: as many records came as the total says, but the response has %s. The total may be a maximum",
                self._resource,
                sign,
            )
        return bool(sign)

    def note_page_beyond(self, response: Response) -> bool:
        """Note whether a page without records, behind the total, says that there are more, too. Return that."""
        says_more = contradicts_total(response) is not None
        self._signs_say_nothing = self._signs_say_nothing or says_more
        return says_more

    def note_page(self, response: Response, count: int) -> None:
        """Note how long pages of this endpoint may be, and whether redirects are ordinary: one had records."""
        self._longest_page = max(self._longest_page, count)
        if count and is_redirected(response):
            self._redirects_lead_to_records = True

    def _by_redirected_page(self, last: LastPage) -> str:
        if last.records:
            self._fail(
                f"page {last.pages} was redirected to another path and has no records, while the pages before were "
                "not redirected. It may be a login page, so it is not the end of the list. Check the auth and the path"
            )
        _log.warning(
            "%s: the request was redirected to another path, which has no records. It may be a login page, so nothing "
            "confirms that the list is empty. Check the auth, or declare the path of the redirect",
            self._resource,
        )
        return NOTHING

    def sign_behind_empty_page(self, last: LastPage) -> str | None:
        """Return what says that there are more records, although paging by position ends at a page without new ones.

        It may say so on every page, so one more page is asked for.

        Raises:
            IncompleteSlice: A field such as `has_more` contradicts the end.
        """
        if last.has_total or not isinstance(last.paginator, RangePaginator):
            return None
        sign = last.says_more_at if last.says_more else contradicts_end(last.response, last.pages)
        if sign:
            self.fail_behind_empty_page(sign)
        return sign_of_more(last.response, last.records, by_cursor=False, has_total=False, pages=last.pages)

    def pages_behind(self, last: LastPage, sign: str | None) -> int:
        """Return how many pages behind a page without new records have to be empty too.

        The pages behind it were asked for nowhere. A short page before it says that the list ends, too; a full one says
        nothing, and an API that hides records from its pages may hide a page or two of them.

        Args:
            last: The page without new records.
            sign: What says that there are more records.
        """
        paginator = last.paginator
        if last.has_total or last.says_more is False:
            return 0
        if not last.records:
            # dlt counts pages from 0 unless base_page says something else, and an API from 1 may have an empty page 0
            return 1 if isinstance(paginator, PageNumberPaginator) and paginator.current_value == 0 else 0
        if isinstance(paginator, RangePaginator) and paginator.maximum_value is not None:
            return 1 if sign else 0
        if last.has_short_page:
            return MAX_HOLE
        if last.sizes:
            is_full = last.sizes.may_be_full(last.last_filled, last.longest, last.pages - 1)
        else:
            is_full = last.last_filled >= self._longest_page
        if is_full:
            return MAX_HOLE
        return 1 if sign else 0

    def fail_behind_empty_page(self, sign: str | None) -> NoReturn:
        """Raise IncompleteSlice: there are more records behind an empty page."""
        found = f"{sign} says that there are more" if sign else "a page behind it has records"
        if not self._longest_page:
            self._fail(
                f"page 0 has no records, but {found}. If the API counts pages from 1, declare base_page: 1"
            )
        self._fail(
            f"a page has no records, so reading by position ends there, but {found}. Follow "
            f"the API's pointer to the next page with a json_link, header_link or cursor paginator; {DECLARE_TOTAL}"
        )

    def _fail_without_pointer(self, last: LastPage, paginator: BasePaginator) -> NoReturn:
        place = paginator.place if isinstance(paginator, PointerPaginator) else "the paginator"
        self._fail(
            f"the paginator's {place} was found on no page, although the page has {last.count} records, as many as a "
            f"page may have, so there may be more. The response has {names_at_top(last.response)}. Declare the place "
            f"of the pointer to the next page; {DECLARE_TOTAL}; or declare the page size among the endpoint's params"
        )

    def _fail(self, reason: str) -> NoReturn:
        raise IncompleteSlice(f"{self._resource}: {reason}")
