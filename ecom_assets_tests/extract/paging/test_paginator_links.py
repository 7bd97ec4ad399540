"""Pages that lead to others by a cursor, a link or a number, and bring nothing, or what came before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.extract.paging.page_adder import MAX_EMPTY_PAGES
from ecom_assets.extract.paging.paginator import MAX_RESTARTS
from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


def test_links_that_count_do_not_skip_a_row_twice(loopback: Loopback) -> None:
    rows = [{"id": number} for number in range(6)]
    requests = 0

    def answer(seen: Seen) -> Reply:
        nonlocal requests
        start = int(dict(seen.query).get("after", 0))
        # in the first two readings, a row comes in front after the first page and goes after the second
        coming = {1: [{"id": 100}], 4: [{"id": 101}]}.get(requests, []) + rows
        requests += 1
        following = start + 2 if start + 2 < len(coming) else None
        return json_reply({"data": coming[start : start + 2], "next": following})

    loopback.answering = answer
    assert read_slice(loopback, CURSOR)[0] == rows


def test_empty_pages_without_end_fail(loopback: Loopback) -> None:
    """The server ends the list a few pages later, so that a reader without a limit does not read for ever."""
    pages = 0

    def answer(seen: Seen) -> Reply:
        nonlocal pages
        pages += 1
        return json_reply({"data": [], "next": "again" if pages < MAX_EMPTY_PAGES + 10 else None})

    loopback.answering = answer
    with pytest.raises(IncompleteSlice, match=f"{MAX_EMPTY_PAGES + 1} pages in a row brought no record"):
        read_slice(loopback, CURSOR)


def test_an_empty_page_between_others_is_no_end(loopback: Loopback) -> None:
    pages: dict[str, Any] = {"": [1, 2], "1": [], "2": [3]}

    def answer(seen: Seen) -> Reply:
        after = dict(seen.query).get("after", "")
        following = {"": "1", "1": "2", "2": None}[after]
        return json_reply({"data": [{"id": number} for number in pages[after]], "next": following})

    loopback.answering = answer
    assert [record["id"] for record in read_slice(loopback, CURSOR)[0]] == [1, 2, 3]


@pytest.mark.parametrize(
    "paginator",
    [
        {"type": "offset", "limit": 3},
        {"type": "page_number", "base_page": 1},
        CURSOR,
    ],
)
def test_an_empty_page_while_the_total_says_more_fails(loopback: Loopback, paginator: dict[str, Any]) -> None:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        first = query.get("offset", "0") == "0" and query.get("page", "1") == "1" and "after" not in query
        data = [{"id": 1}, {"id": 2}] if first else []
        return json_reply({"data": data, "total": 3, "next": "x" if first else None})

    loopback.answering = answer
    with pytest.raises(IncompleteSlice, match=f"after {MAX_RESTARTS} restarts$"):
        read_slice(loopback, paginator | {"total_path": "total"})


def test_pages_that_begin_with_the_end_of_the_one_before(loopback: Loopback) -> None:
    def answer(seen: Seen) -> Reply:
        after = int(dict(seen.query).get("after", 0))
        return json_reply(
            {
                "data": [{"id": n} for n in range(7)][after : after + 3],
                "next": after + 2 if after < 4 else None,
            }
        )

    loopback.answering = answer
    records, reading = read_slice(loopback, CURSOR)
    assert ([record["id"] for record in records], reading.restarts) == (list(range(7)), 0)


def test_a_cursor_in_the_body_begins_anew(loopback: Loopback) -> None:
    rows = [{"id": n, "n": 0} for n in range(5)]
    asked: list[Any] = []

    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        asked.append(body)
        if len(asked) == 2:
            rows[0] = {"id": 0, "n": 1}
        after = body.get("page", {}).get("after", 0)
        return json_reply({"data": rows[after : after + 3], "next": after + 3 if after + 3 < 5 else None})

    loopback.answering = answer
    paginator = {"type": "cursor", "cursor_path": "next", "cursor_body_path": "page.after"}
    records, reading = read_slice(loopback, paginator, method="POST", json_body={"kind": "x"})
    assert (records, reading.restarts) == (rows, 1)
    assert asked == 3 * [{"kind": "x"}, {"kind": "x", "page": {"after": 3}}]
