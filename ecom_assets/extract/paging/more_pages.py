"""What the declared fields of the pages of one reading say about more pages: `has_more_path` or `page_count_path`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, PageNumberPaginator
from requests import Response

from ecom_assets.declaration.api.paginator import PAGINATORS
from ecom_assets.extract.paging.body_path import BodyPath
from ecom_assets.extract.paging.has_more import HasMore
from ecom_assets.foundation.errors import ApiError


class PageCount:
    """Reads `page_count_path`. The number ends the reading, and the page behind it has to be without new records."""

    def __init__(self, resource: str, path: str | None) -> None:
        """Take the resource's name for messages, and the declared path or None."""
        self._resource = resource
        self.path = path
        self._body_path = BodyPath(path) if path is not None else None

    def read(self, response: Response, *, known: int | None, has_records: bool) -> int | None:
        """Return the number of pages; what the pages before said if the page does not say it; None if nobody does.

        Args:
            response: The response with a page.
            known: What the pages before said.
            has_records: Whether the page has records. One without any may leave the number out.

        Raises:
            ApiError: The first page has records and no number of pages.
        """
        if self._body_path is None or not response.content.strip():
            return known
        found = self._body_path.find(response.json() or {})
        value = found[0] if found else None
        if value in (None, "") and (known is not None or not has_records):
            return known
        text = str(value) if type(value) in (int, str) else ""
        if not (text.isascii() and text.isdigit()):
            what = "nothing" if value is None else repr(value)[:40]
            raise ApiError(
                f"{self._resource}: page_count_path {self.path} found {what}; the number of pages was expected"
            )
        return int(text)


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

    def error_of_page_behind(self) -> str:
        """Return what is wrong if the page behind the last one by `page_count_path` has records."""
        return (
            f"page_count_path {self.page_count.path} says that the list has {self.pages} pages, and the page behind "
            "them has more records, so it is something else. Declare the path of the number of pages, or none: reading "
            "then ends at the first page without records"
        )


def more_pages_of(resource: str, paginator: Mapping[str, Any]) -> MorePages:
    """Return the fields that a paginator declares, for a resource's name in messages."""
    has_more = paginator.get("has_more_path") if paginator["type"] in PAGINATORS else None
    return MorePages(HasMore(resource, has_more), PageCount(resource, paginator.get("page_count_path")))
