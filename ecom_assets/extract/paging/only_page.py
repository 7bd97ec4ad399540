"""What confirms that the only page that is read of a list has all of it."""

from __future__ import annotations

import logging

from ecom_assets.extract.paging.last_page import DECLARE_TOTAL, END, NOTHING, TOTAL, LastPage
from ecom_assets.extract.paging.page_size import USUAL_PAGE_SIZES
from ecom_assets.extract.paging.signs_of_more import is_partial, sign_of_more
from ecom_assets.foundation.errors import IncompleteSlice

_log = logging.getLogger(__name__)


def confirmed_by_only_page(
    resource: str, last: LastPage, *, longest: int, is_child: bool, is_declared: bool
) -> str | None:
    """Return TOTAL, END or NOTHING. None means that the page has to be asked for with one record fewer.

    Args:
        resource: The resource's name, for messages.
        last: The page.
        longest: The number of records on the longest page of the endpoint so far.
        is_child: Whether there is a list for each record of a parent: of so many, some are as long as a usual page.
        is_declared: Whether `single_page` is declared, so that one page may be what is wanted.

    Raises:
        IncompleteSlice: The page may be full, or something in the response says that there are more records.
    """
    if is_partial(last.response):
        raise IncompleteSlice(
            f"{resource}: the only page has status 206 Partial Content, so there are more records, and the paginator "
            "is single_page. Declare the paginator: {type: range, limit: …} if the API takes a Range header"
        )
    if last.is_one_record or not last.count:
        return last.by
    if last.sizes.is_as_asked(last.count):
        if last.has_total:
            return None if last.count > 1 else TOTAL
        raise IncompleteSlice(
            f"{resource}: the only page has {last.count} records, as many as it was asked for, so there may be more, "
            f"and no paginator is declared that leads to them. Declare the paginator, or ask for more; {DECLARE_TOTAL}"
        )
    if last.has_total:
        # the total may be the number of records on the page
        may_be_full = last.count in USUAL_PAGE_SIZES and last.count >= longest
        return NOTHING if may_be_full and not last.sizes and not is_child else TOTAL
    sign = sign_of_more(last.response, last.records, by_cursor=False, has_total=False, pages=last.pages)
    if sign and not is_declared:
        raise IncompleteSlice(
            f"{resource}: no paginator is declared, and the only page has {last.count} records, but the response has "
            f"{sign}. Declare the paginator, or {{type: single_page}} if no more records are wanted"
        )
    if sign:
        _log.warning(
            "%s: only one page of %s records is read, but the response has %s", resource, last.count, sign
        )
        return NOTHING
    return END if last.sizes and not last.may_be_full else NOTHING
