"""An end that something in the answer contradicts: more behind an empty page, a part of the list, a redirect."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

ROWS = [{"id": number} for number in range(25)]
OFFSET: dict[str, Any] = {"type": "offset", "limit": 5}
NUMBER: dict[str, Any] = {"type": "page_number", "base_page": 1}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


def start_of(seen: Seen) -> int:
    """Return the place of the first record of the page that was asked for."""
    query = dict(seen.query)
    return int(query.get("offset", 5 * (int(query.get("page", 1)) - 1)))


def with_hole(loopback: Loopback, beside: Any, link: str = "") -> None:
    """Serve pages of five of 25 records; everything from 9 to 14 is hidden."""

    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        rows = [row for row in ROWS[start : start + 5] if not 9 <= row["id"] < 15]
        return json_reply({"data": rows, **beside(start)}, link=link if start < 20 else "")

    loopback.answering = answer


@pytest.mark.parametrize("paginator", [OFFSET, NUMBER], ids=["offset", "page_number"])
@pytest.mark.parametrize(
    "beside",
    [
        lambda start: {"has_more": start < 20},
        lambda start: {"next": f"/things?offset={start + 5}" if start < 20 else None},
        lambda start: {"paging": {"next_page": start // 5 + 2}},
        lambda start: {"total": 25},
        lambda start: {"meta": {"total_pages": 5}},
    ],
    ids=["has_more", "link", "number", "total", "pages"],
)
def test_more_behind_an_empty_page(loopback: Loopback, paginator: Any, beside: Any) -> None:
    with_hole(loopback, beside)
    with pytest.raises(IncompleteSlice, match=r"a page has no records, .* says that there are more"):
        read_slice(loopback, paginator)


def test_more_behind_an_empty_page_in_other_places(loopback: Loopback) -> None:
    with_hole(loopback, lambda start: {}, link='</things?offset=20>; rel="next"')
    with pytest.raises(IncompleteSlice, match="a Link header with rel=next says that there are more"):
        read_slice(loopback, OFFSET)
    with_hole(loopback, lambda start: {"weiter": "yes"})
    with pytest.raises(IncompleteSlice, match="has_more_path says that there are more"):
        read_slice(loopback, OFFSET | {"has_more_path": "weiter"})


@pytest.mark.parametrize("paginator", [OFFSET, NUMBER], ids=["offset", "page_number"])
@pytest.mark.parametrize(
    "beside",
    [
        lambda start: {},
        lambda start: {"next_offset": start + 5},
        lambda start: {"next": f"/things?offset={start + 5}", "total": 1000},
        lambda start: {"last_page": 5, "total": 25, "has_more": False},
    ],
    ids=["nothing", "next on every page", "total of something else", "all confirmed"],
)
def test_an_empty_page_is_the_end_if_nothing_follows(loopback: Loopback, paginator: Any, beside: Any) -> None:
    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        return json_reply({"data": ROWS[start : start + 5], **beside(start)})

    loopback.answering = answer
    records, reading = read_slice(loopback, paginator)
    assert (len(records), reading.confirmed_by) == (25, "end")


@pytest.mark.parametrize("parts", [None, "items 0-9/25", "items 0-9/*", "items 5-9/10"])
@pytest.mark.parametrize("count", [0, 10])
def test_a_part_is_not_the_only_page(loopback: Loopback, parts: str | None, count: int) -> None:
    headers = {"Content-Range": parts} if parts else {}
    loopback.answering = lambda seen: Reply(206, json_reply({"data": ROWS[:count]}).body, headers)
    with pytest.raises(IncompleteSlice, match=r"status 206 Partial Content.*Declare the paginator"):
        read_slice(loopback, {"type": "single_page"})


def test_a_part_that_is_the_whole(loopback: Loopback) -> None:
    headers = {"Content-Range": "items 0-24/25"}
    loopback.answering = lambda seen: Reply(206, json_reply({"data": ROWS}).body, headers)
    assert len(read_slice(loopback, {"type": "single_page"})[0]) == 25


def redirecting(loopback: Loopback, starts: set[int], rows_there: bool, to: str = "/login") -> None:
    """Redirect the pages from these places on; the answer there has records or none."""

    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        if seen.path == "/things" and start in starts:
            return Reply(302, "", {"Location": f"{to}?offset={start}"})
        rows = ROWS[start : start + 5] if rows_there or seen.path == "/things" else []
        return json_reply({"data": rows})

    loopback.answering = answer


def test_a_redirect_is_no_end(loopback: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    redirecting(loopback, {0}, rows_there=False)
    with caplog.at_level(logging.WARNING):
        records, reading = read_slice(loopback, {"type": "single_page"})
    assert (len(records), reading.confirmed_by) == (0, "nothing")
    assert "redirected to another path" in caplog.text
    redirecting(loopback, set(range(5, 30)), rows_there=False)
    with pytest.raises(IncompleteSlice, match="page 2 was redirected to another path and has no records"):
        read_slice(loopback, NUMBER)


@pytest.mark.parametrize("to", ["/v2/things", "/things/"])
def test_an_ordinary_redirect(loopback: Loopback, to: str) -> None:
    redirecting(loopback, set(range(30)), rows_there=True, to=to)
    records, reading = read_slice(loopback, NUMBER)
    assert (len(records), reading.confirmed_by) == (25, "end")
