"""The paginator of APIs that take an offset and have one page size, which no parameter sets."""

from __future__ import annotations

from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import Request


class FixedPagePaginator(OffsetPaginator):
    """Asks for pages by offset alone. `limit` is the number of records that the API puts on a page."""

    def init_request(self, request: Request) -> None:
        """Ask for the first page."""
        super(OffsetPaginator, self).init_request(request)  # without the page size, which dlt's class adds

    def update_request(self, request: Request) -> None:
        """Ask for the page at the current offset."""
        super(OffsetPaginator, self).update_request(request)
