"""The paginator of APIs that take a range of records, such as `Range: items=0-99`, as HTTP does it for bytes."""

from __future__ import annotations

from dlt.sources.helpers.rest_client.paginators import OffsetPaginator
from requests import Request

CONTENT_RANGE = "Content-Range"
"""The response header with the range and the total, such as `items 0-99/250`; `*` stands for an unknown total."""


class ItemRangePaginator(OffsetPaginator):
    """Asks for pages by the first and the last place, both included, in a header or a parameter."""

    def __init__(
        self,
        limit: int,
        offset: int = 0,
        unit: str = "items",
        range_header: str | None = None,
        range_param: str | None = None,
        maximum_offset: int | None = None,
    ) -> None:
        """Take the page size, and where the range goes.

        Args:
            limit: Records per page.
            offset: The place of the first record.
            unit: What the range counts, in front of the `=` of the header.
            range_header: The header that takes the range; `Range` without it.
            range_param: The parameter that takes the range, such as `0-99`, instead of a header.
            maximum_offset: The place at which reading ends.
        """
        super().__init__(limit, offset, maximum_offset=maximum_offset, total_path=None)
        self._unit = unit
        self._header = range_header or "Range"
        self._param = range_param

    def init_request(self, request: Request) -> None:
        """Ask for the first page."""
        self.current_value = self.initial_value
        self.update_request(request)

    def update_request(self, request: Request) -> None:
        """Ask for the page at the current place."""
        places = f"{self.current_value}-{self.current_value + self.limit - 1}"
        if self._param:
            request.params = {} if request.params is None else request.params
            request.params[self._param] = places
        else:
            request.headers = {} if request.headers is None else request.headers
            request.headers[self._header] = f"{self._unit}={places}"
