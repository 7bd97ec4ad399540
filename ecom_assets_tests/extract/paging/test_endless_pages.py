"""Lists whose pages have no end: each has a limit, and passing it is an error that says what to declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

LAST = 400
"""The servers end here, so that a reader without a limit fails a test instead of reading for ever."""


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


class Endless:
    """A new record on each page, however it is asked for, and a pointer to another page."""

    def __init__(self, loopback: Loopback, records: Callable[[int], list[Any]], **body: Any) -> None:
        self.requests = 0
        self._records = records
        self._body = body
        self._base = loopback.base_url
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer with a page."""
        self.requests += 1
        number = self.requests
        more = {"next": f"{self._base}/things?p={number}", "cursor": str(number)} if number < LAST else {}
        reply = json_reply({"data": self._records(number) if number < LAST else [], **more, **self._body})
        if more:
            reply.headers["Link"] = f'<{more["next"]}>; rel="next"'
            reply.headers["X-Next"] = more["cursor"]
        return reply


KINDS: list[dict[str, Any]] = [
    {"type": "json_link", "next_url_path": "next"},
    {"type": "header_link"},
    {"type": "cursor", "cursor_path": "cursor"},
    {"type": "header_cursor", "cursor_key": "X-Next"},
    {"type": "page_number", "base_page": 1},
    {"type": "offset", "limit": 1},
]


def two_more(page: int) -> list[Any]:
    return [{"id": 2 * page}, {"id": 2 * page + 1}]


@pytest.mark.parametrize("paginator", KINDS, ids=[kind["type"] for kind in KINDS])
def test_more_records_than_the_total_fail_at_once(loopback: Loopback, paginator: dict[str, Any]) -> None:
    endless = Endless(
        loopback, two_more if paginator["type"] != "offset" else lambda page: [{"id": page}], total=4
    )
    with pytest.raises(IncompleteSlice, match=r"says it has 4 records, [56] distinct ones came.*declare"):
        read_slice(loopback, paginator | {"total_path": "total"})
    assert endless.requests <= 4 * 5


@pytest.mark.parametrize("total", [{}, {"total": 10**12}])
@pytest.mark.parametrize("paginator", KINDS, ids=[kind["type"] for kind in KINDS])
def test_a_list_without_end_stops_at_max_pages(
    loopback: Loopback, paginator: dict[str, Any], total: dict[str, Any]
) -> None:
    endless = Endless(loopback, lambda page: [{"id": page}], **total)
    if total:
        paginator = paginator | {"total_path": "total"}
    with pytest.raises(IncompleteSlice, match=r"^things: 7 pages were read.*raise policy.max_pages$"):
        read_slice(loopback, paginator, policy={"max_pages": 7})
    assert endless.requests == 7


def test_a_list_of_exactly_so_many_pages_is_read(loopback: Loopback) -> None:
    """Also in the second reading, which counts anew."""
    rows = [{"id": number} for number in range(6)]

    def answer(seen: Seen) -> Reply:
        after = int(dict(seen.query).get("cursor", 0))
        return json_reply({"data": rows[after : after + 2], "next": after + 2 if after < 4 else None})

    loopback.answering = answer
    paginator = {"type": "cursor", "cursor_path": "next"}
    assert len(read_slice(loopback, paginator, policy={"max_pages": 3})[0]) == 6
