"""What the declared fields of the pages of one reading say about more pages: `has_more_path` or `page_count_path`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, PageNumberPaginator
from requests import Response

from ecom_assets.declaration.api.paginator import PAGINATORS
from ecom_assets.extract.paging.has_more import HasMore
from ecom_assets.extract.paging.page_count import PageCount


@dataclass
class MorePages:
    """Follows one reading of a list.

    Attributes:
        has_more: Reads `has_more_path`.
        page_count: Reads `page_count_path`.
        said: Whether the last page that said something has another one behind it.
        pages: How many pages the list has, as far as a page said so.
    """

    has_more: HasMore
    page_count: PageCount
    said: bool | None = None
    pages: int | None = None

    @property
    def place(self) -> str:
        """Return the key of the paginator with the field that said it."""
        return "has_more_path" if self.pages is None else "page_count_path"

    def before_first_page(self) -> MorePages:
        """Return what nothing has been said of yet."""
        return replace(self, said=None, pages=None)

    def by_field(self, response: Response, *, is_short: bool) -> bool | None:
        """Return whether there are more pages by `has_more_path`, None without it. See `HasMore.read`."""
        self.said = self.has_more.read(response, before=self.said, is_short=is_short)
        return self.said

    def by_count(
        self, response: Response, paginator: BasePaginator, pages: int, *, has_records: bool
    ) -> bool | None:
        """Return whether there are more pages by `page_count_path`, None without it.

        Args:
            response: The response with a page.
            paginator: The paginator that asked for it.
            pages: How many pages were read.
            has_records: Whether the page has records.
        """
        if not isinstance(paginator, PageNumberPaginator):
            return None
        place = pages + paginator.initial_value - paginator.base_index
        self.pages = self.page_count.read(response, known=self.pages, has_records=has_records)
        if self.pages is not None:
            self.said = place < self.pages
        return None if self.pages is None else self.said


def more_pages_of(resource: str, paginator: Mapping[str, Any]) -> MorePages:
    """Return the fields that a paginator declares, for a resource's name in messages."""
    has_more = paginator.get("has_more_path") if paginator["type"] in PAGINATORS else None
    return MorePages(HasMore(resource, has_more), PageCount(resource, paginator.get("page_count_path")))
