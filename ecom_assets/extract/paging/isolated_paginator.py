"""Failed slices: the paginator hands over the failure of a slice that may fail alone, in place of its records.

`ecom_assets.client.read_statistics` decides which slices may fail alone.
"""

from __future__ import annotations

from typing import Any

from requests import Request, Response

from ecom_assets.client.read_statistics import SLICE_HEADER
from ecom_assets.extract.paging.paginator import SlicePaginator
from ecom_assets.foundation.errors import ApiError

FAILURE = "failure"
"""The key under which the failure of a slice is handed over."""


class IsolatedSlicePaginator(SlicePaginator):
    """Reads a slice as `SlicePaginator` does. A failure ends the slice, and not the reading of the others."""

    _slice_id = ""

    def init_request(self, request: Request) -> None:
        """Put the first page into the request, and note which slice it is of."""
        self._slice_id = str(request.headers[SLICE_HEADER])
        super().init_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Add a page, or end the slice with the failure of the response or of its pages."""
        failure: ApiError | None = getattr(response, "failure", None)
        if failure is None:
            try:
                super().update_state(response, data)
            except ApiError as error:
                if not self._statistics.fail_alone(self._slice_id, error):
                    raise
                failure = error
        if failure is not None:
            self._read_again = self._has_next_page = False
            if data is not None:
                data[:] = [{FAILURE: failure}]
