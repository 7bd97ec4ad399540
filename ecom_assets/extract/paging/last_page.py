"""The last page of a list, and the words for what confirms that it is the last one."""

from __future__ import annotations

from dataclasses import dataclass

from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Response

from ecom_assets.extract.paging.page_size import USUAL_PAGE_SIZES, PageSizes

TOTAL = "total"
"""The API reports a total, and as many records came."""
END = "end"
"""The API shows or says that there is no further page."""
NOTHING = "nothing"
"""Nothing says that this is the whole list."""
DECLARE_TOTAL = "declare total_path or total_header if the API reports the number of records"
"""What always helps, for messages."""


@dataclass(frozen=True)
class LastPage:
    """The page behind which a paginator knows no other one.

    Attributes:
        response: The response with it.
        paginator: The paginator, after it has seen the page.
        count: The number of records on it.
        records: The number of distinct records on all pages.
        longest: The number of records on the longest page.
        pages: The number of pages.
        sizes: The page sizes that were asked for.
        has_total: Whether the API reports a total.
        says_more: What the declared field for it says about more pages, None without one.
        says_more_at: The key of the paginator that declares that field.
        is_one_record: Whether the response has one record instead of a list.
        last_filled: The number of records on the last page that had any.
        has_short_page: Whether a page was followed by a longer one, so that the API may hide records from its pages.
    """

    response: Response
    paginator: BasePaginator
    count: int
    records: int
    longest: int
    pages: int
    sizes: PageSizes
    has_total: bool
    says_more: bool | None
    is_one_record: bool
    last_filled: int = 0
    says_more_at: str = "has_more_path"
    has_short_page: bool = False

    @property
    def by(self) -> str:
        """Return what confirms the end if nothing more than the total is needed."""
        return TOTAL if self.has_total else END

    @property
    def may_be_full(self) -> bool:
        """Tell whether the page may have as many records as the API puts on one."""
        if self.sizes:
            return self.sizes.may_be_full(self.count, self.longest, self.pages)
        return self.count in USUAL_PAGE_SIZES or (self.pages > 1 and 0 < self.count >= self.longest)


def names_at_top(response: Response) -> str:
    """Return the names at the top of a response, and of its headers that may lead on, never a value."""
    body = response.json()
    keys = ", ".join(map(str, list(body)[:8])) if isinstance(body, dict) else ""
    return f"the fields {keys}" if keys else "a list without fields around it"
