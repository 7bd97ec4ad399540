"""Checks of an endpoint's paging before any load: the way to the next page, and the total."""

from __future__ import annotations

from dlt.sources.helpers.rest_client.paginators import (
    PageNumberPaginator,
    RangePaginator,
    SinglePagePaginator,
)

from ecom_assets.contract.record_keys import Key, keys_of
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.check.outcome import Outcome
from ecom_assets.extract.paging.end_of_list import EndOfList
from ecom_assets.extract.paging.last_page import NOTHING, LastPage
from ecom_assets.extract.paging.signs_of_more import sign_of_more
from ecom_assets.extract.probe import Page, Probe
from ecom_assets.foundation.errors import ApiError

NO_TOTAL: Outcome = ("skipped", "the paginator declares no total_path or total_header")


def check_next_page(probe: Probe, resource: Resource, page: Page, keys: list[Key]) -> Outcome | None:
    """Return whether the first page leads to another one, or is the end; None if there is nothing to say.

    Args:
        probe: Sends the requests.
        resource: A resource with an endpoint.
        page: Its first page.
        keys: The primary keys of the records on it.

    Raises:
        ApiError: The page may be full and leads nowhere, or the next page cannot be requested.
    """
    if page.source is None:
        return None
    paginator = page.source.paginator
    if page.following is None:
        return _check_end(probe, resource, page)
    if isinstance(paginator, PageNumberPaginator) and (
        skipped := _skipped_page(probe, resource, paginator, keys)
    ):
        return skipped
    records = page.following()
    other = keys_of(records, resource.key_paths)
    new = set(other) - set(keys)
    if other and other == keys:
        return "failed", (
            "page 2 is equal to page 1, so the API ignores what the paginator sends; correct the name of the "
            "parameter for the page, the offset or the cursor"
        )
    # one record may overlap, and without a primary key records may be equal
    if len(other) > 1 and not new and resource.key_paths != [()]:
        return "failed", (
            f"page 2 has {len(other)} records, and page 1 has all of them, too: correct what the paginator sends, or "
            "look for a parameter that sorts"
        )
    if not other and page.total is not None and page.total > len(keys):
        return "failed", (
            f"the API says it has {page.total} records, {len(keys)} came, and page 2 is empty: correct what the "
            "paginator sends, or declare another total_path or total_header, or none"
        )
    if isinstance(paginator, RangePaginator) and page.total is not None and len(keys) >= page.total and new:
        return "failed", (
            f"the API says it has {page.total} records, and {len(new)} more came on page 2, so this is no total of the "
            "list. Declare another total_path or total_header, or none"
        )
    if not keys or not other:
        return "ok", "the first page is the only one"
    return "ok", f"page 2 has {len(new)} other records"


def _skipped_page(
    probe: Probe, resource: Resource, paginator: PageNumberPaginator, keys: list[Key]
) -> Outcome | None:
    """Return that the page before the first one has other records, so that no load would read them."""
    first = paginator.initial_value
    if first != 1 or not keys:
        return None
    try:
        before = keys_of(probe.page(resource, page_number=first - 1).records, resource.key_paths)
    except ApiError:
        return None  # most APIs refuse a page that does not exist
    new = set(before) - set(keys)
    if not new or len(before) < len(keys):
        return None
    return "failed", (
        f"page {first - 1} has {len(new)} records that page {first} does not have, so the API counts pages from "
        f"{first - 1}, and no load would read them: declare base_page: {first - 1}"
    )


def _check_end(probe: Probe, resource: Resource, page: Page) -> Outcome | None:
    """Return what confirms that the first page is the only one; None for an endpoint of one page."""
    source = page.source
    assert source
    count = len(page.records)
    last = LastPage(
        source.response,
        source.paginator,
        count=count,
        records=count,
        longest=count,
        pages=1,
        sizes=source.sizes,
        has_total=page.total is not None,
        says_more=None,
        is_one_record=count == 1 and not source.sizes,
    )
    if page.total is not None and page.total > count:
        return "failed", (
            f"the API says it has {page.total} records, {count} came, and nothing on the page leads to the next one. "
            "Declare a paginator that does"
        )
    end = EndOfList(resource.name)
    confirmed = end.confirmed_by(last)
    if confirmed is None:
        smaller = probe.page(resource, page_size=count - 1)
        if smaller.source is None:
            raise ApiError(f"{resource.name}: no records came when {count - 1} were asked for")
        confirmed = end.check_smaller_page(
            last, smaller.source.paginator, same_total=smaller.total == page.total
        )
    if isinstance(source.paginator, SinglePagePaginator):
        sign = (
            None
            if last.is_one_record
            else sign_of_more(source.response, count, by_cursor=False, has_total=page.total is not None)
        )
        if not sign:
            return None
        return (
            "limit",
            f"single_page reads {count} records, and the response has {sign}: if there are more pages, declare the "
            "paginator that leads to them",
        )
    if confirmed == NOTHING:
        return "limit", (
            "the first page leads to no other one, and nothing says that it is everything: the project cannot tell "
            "whether the place of the pointer to the next page is right"
        )
    return "ok", "the first page is the only one"


def check_total(probe: Probe, resource: Resource, page: Page) -> Outcome:
    """Compare the total at two page sizes. A total that depends on the page size is none.

    Args:
        probe: Sends the requests.
        resource: A resource with an endpoint, whose paginator declares a total.
        page: Its first page.

    Raises:
        ApiError: A request failed, or brought no total.
    """
    if page.total is None:
        return (
            "skipped",
            "no total came, as no list was asked for"
            if not page.lists
            else "no total came with the first page",
        )
    text = f"the API says it has {page.total} records"
    sizes = page.source.sizes if page.source else None
    if not sizes or len(page.records) < 2:
        return "ok", text
    smaller = probe.page(resource, limit=1, page_size=1)
    if smaller.total == page.total:
        return "ok", f"{text}, whether it is asked for {sizes} or for 1"
    again = probe.page(resource)
    if again.total != page.total:
        return "ok", f"{text}; the total changes from request to request"
    return "failed", (
        f"the API says it has {page.total} records if it is asked for {sizes}, and {smaller.total} for 1: "
        "this is no total of the list. Declare another total_path or total_header, or none"
    )
