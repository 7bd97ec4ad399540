"""Paginators of a user's own, and an API that pages like them."""

from __future__ import annotations

from typing import Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator, RangePaginator
from requests import Request, Response

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply

RECORDS = [{"id": number} for number in range(7)]


class PairPaginator(BasePaginator):
    """Follows a token in the body, and sends it in a header, as none of dlt's paginators does."""

    def __init__(self, key: str) -> None:
        """Take the key in the body that has the token."""
        super().__init__()
        self.key = key
        self._token: Any = None

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the token of the next page."""
        self._token = response.json()[self.key]
        self._has_next_page = self._token is not None

    def update_request(self, request: Request) -> None:
        """Send the token."""
        request.headers["X-Page"] = str(self._token)


class SteppedPaginator(RangePaginator):
    """Counts in steps of its own, which no declared type can."""

    def __init__(self, size: int = 2) -> None:
        """Take the number of records on a page."""
        if size < 1:
            raise ValueError(size)
        super().__init__("step", 0, 1)
        self.size = size


def answer(seen: Seen, size: int = 2) -> Reply:
    """Return a page of pairs by the token in the header, or by the parameter `step`."""
    start = int(seen.headers.get("x-page") or size * int(dict(seen.query).get("step", "0")))
    following = start + size if start + size < len(RECORDS) else None
    return json_reply({"data": RECORDS[start : start + size], "next_pair": following, "count": len(RECORDS)})
