"""A total that is not the number of records: that of one page, a cap, or one that the API itself contradicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.foundation.errors import IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

NUMBERS = {"type": "page_number", "base_page": 1, "total_path": "total"}
KINDS: dict[str, dict[str, Any]] = {
    "offset": {"type": "offset", "limit": 10, "total_path": "total"},
    "page_number": NUMBERS,
    "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "offset", "total_path": "total"},
}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


class Pages:
    """So many records in pages; `past_end` is the status past the end, `total` a number or a function of the page."""

    def __init__(
        self, loopback: Loopback, count: int, total: Any, past_end: int = 200, size: int = 10
    ) -> None:
        self.rows = [{"id": number} for number in range(count)]
        self.total = total
        self.past_end = past_end
        self.size = size
        self.requests = 0
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer by offset or page number."""
        self.requests += 1
        query = dict(seen.query)
        size = min(int(query.get("limit", self.size)), self.size)
        start = int(query.get("offset", (int(query.get("page", 1)) - 1) * size))
        page = self.rows[start : start + size]
        if not page and self.past_end != 200:
            return Reply(self.past_end, b"" if self.past_end == 204 else b'{"error": "no such page"}')
        more = start + size if start + size < len(self.rows) else None
        total = self.total(page) if callable(self.total) else self.total
        return json_reply({"data": page, "total": total, "next": more, "has_more": more is not None})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("total", [len, 10, 20], ids=["of the page", "of the first page", "a cap"])
def test_a_total_that_counts_less_than_the_list_fails(loopback: Loopback, kind: str, total: Any) -> None:
    pages = Pages(loopback, 45, total)
    with pytest.raises(IncompleteSlice, match=r"things: .*total"):
        read_slice(loopback, KINDS[kind])
    assert pages.requests < 20


@pytest.mark.parametrize("asked", [10, 100])
@pytest.mark.parametrize("size", [10, 50])
def test_an_api_that_gives_fewer_records_than_asked_for_is_read_one_step_beyond(
    loopback: Loopback, asked: int, size: int
) -> None:
    Pages(loopback, 120, len, size=size)
    with pytest.raises(IncompleteSlice, match="total_path"):
        read_slice(loopback, {"type": "offset", "limit": asked, "total_path": "total"})


@pytest.mark.parametrize("kind", ["single_page", "cursor"])
def test_a_full_page_that_leads_nowhere_does_not_confirm_a_total_of_its_length(
    loopback: Loopback, kind: str
) -> None:
    """One record fewer is asked for. A total of all records would stay the same."""

    def answer(seen: Seen) -> Reply:
        page = [{"id": number} for number in range(45)][: int(dict(seen.query)["limit"])]
        return json_reply({"data": page, "total": 45 if counts_all else len(page)})

    loopback.answering = answer
    paginator = {"type": "single_page", "total_path": "total"}
    if kind == "cursor":
        paginator |= {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}
    counts_all = False
    with pytest.raises(IncompleteSlice, match="another total if it is asked for 9 records instead of 10"):
        read_slice(loopback, paginator, params={"limit": "10"})
    counts_all = True
    records, reading = read_slice(loopback, paginator, params={"limit": "45"})
    assert (len(records), reading.confirmed_by) == (45, "total")


@pytest.mark.parametrize("has_more", [True, False])
def test_has_more_contradicts_a_total(loopback: Loopback, has_more: bool) -> None:
    rows = [{"id": number} for number in range(9)]

    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query).get("page", 1))
        # pages of 4, 3 and 2 records: the second one is not full
        data = {1: rows[:4], 2: rows[4:7], 3: rows[7:]}.get(page, [])
        return json_reply({"data": data, "total": 7, "has_more": has_more and page < 3})

    loopback.answering = answer
    paginator = NUMBERS | {"has_more_path": "has_more"}
    if has_more:
        with pytest.raises(IncompleteSlice, match="says it has 7 records"):
            read_slice(loopback, paginator, params={"limit": "4"})
    else:
        rows[7:] = []
        loopback.answering = lambda seen: json_reply({"data": rows[:4], "total": 4, "has_more": False})
        assert len(read_slice(loopback, paginator)[0]) == 4


@pytest.mark.parametrize("past_end", [200, 204, 400, 404, 416])
@pytest.mark.parametrize("count", [9, 10, 20])
def test_a_true_total_is_confirmed_however_the_api_answers_past_the_end(
    loopback: Loopback, count: int, past_end: int
) -> None:
    for paginator in KINDS.values():
        pages = Pages(loopback, count, count, past_end)
        records, reading = read_slice(loopback, paginator)
        assert ([record["id"] for record in records], reading.restarts) == (list(range(count)), 0)
        assert reading.source_total == count
        assert reading.requests == pages.requests


@pytest.mark.parametrize(
    ("past_end", "declared"),
    [
        (204, {"empty_answers": ("204",)}),
        (204, {"response_actions": ({"status_code": 204, "action": "ignore"},)}),
        (409, {"response_actions": ({"status_code": 409, "action": "ignore"},)}),
    ],
)
@pytest.mark.parametrize("count", [9, 10, 20])
@pytest.mark.parametrize("total", [False, True])
def test_a_declared_answer_counts_behind_the_end_too(
    loopback: Loopback, past_end: int, declared: dict[str, Any], count: int, total: bool
) -> None:
    for kind in ("offset", "page_number"):
        Pages(loopback, count, count, past_end)
        paginator = {**KINDS[kind], **({} if total else {"total_path": None})}
        records, reading = read_slice(loopback, paginator, **declared)
        assert (len(records), reading.confirmed_by) == (count, "total" if total else "end")


def test_a_function_reads_the_pages_behind_the_end_too(loopback: Loopback) -> None:
    """Such as one that unpacks an envelope, without which an empty page is no list."""

    def unpack(response: Any) -> None:
        response._content = json.dumps(response.json()["envelope"]).encode()

    pages = Pages(loopback, 20, 20)
    loopback.answering = lambda seen: json_reply({"envelope": json.loads(pages.answer(seen).body)})
    records, reading = read_slice(loopback, NUMBERS, response_actions=(unpack,))
    assert (len(records), reading.confirmed_by) == (20, "total")


def test_a_status_400_does_not_confirm_a_round_total(loopback: Loopback) -> None:
    """Search engines cap the total, and refuse to read beyond the cap."""
    Pages(loopback, 1000, 1000, past_end=400, size=500)
    with pytest.raises(IncompleteSlice, match="1000"):
        read_slice(loopback, NUMBERS)


def test_the_last_page_covers_what_follows_it_at_no_further_request(loopback: Loopback) -> None:
    pages = Pages(loopback, 19, 19)
    assert len(read_slice(loopback, KINDS["offset"])[0]) == 19
    # without the second reading of a snapshot: pages at 0 and 10, of which the second one is not full
    assert pages.requests == 2 * 2
