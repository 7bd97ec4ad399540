"""A slice is complete or fails, over a real HTTP server whose list changes, lies or stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.extract.paging.paginator import MAX_RESTARTS
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.loads.slices import OFFSET, read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving


class ShopList:
    """A list behind an API, which can be made to misbehave."""

    def __init__(self, loopback: Loopback, ids: list[int]) -> None:
        self.rows: list[Any] = [{"id": number, "n": number} for number in ids]
        self.loopback = loopback
        self.before: Callable[[int], None] = lambda request: None
        self.ignored: set[str] = set()
        self.cap = 250
        self.total: Any = "true"
        self.requests = 0
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer with a page by offset or by page number."""
        self.before(self.requests)
        self.requests += 1
        query = {
            name: int(value) for name, value in seen.query if name not in self.ignored and value.isdigit()
        }
        limit = min(query.get("limit", self.cap), self.cap)
        start = query.get("offset", (query.get("page", 1) - 1) * limit)
        body: dict[str, Any] = {"data": self.rows[start : start + limit]}
        if self.total is not None:
            body["total"] = len(self.rows) if self.total == "true" else self.total
        reply = json_reply(body)
        reply.headers["X-Total"] = str(len(self.rows))
        return reply


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here; each one brings its own list."""
    with serving() as running:
        yield running


@examples(0.5)
@given(count=st.integers(0, 47), limit=st.integers(1, 12), cap=st.integers(1, 12), total=st.booleans())
def test_every_record_comes_once_whatever_the_page_sizes(
    loopback: Loopback, count: int, limit: int, cap: int, total: bool
) -> None:
    shop_list = ShopList(loopback, list(range(count)))
    shop_list.cap = cap
    paginator = {"type": "offset", "limit": limit} | ({"total_path": "total"} if total else {})
    records, reading = read_slice(loopback, paginator)
    assert [record["id"] for record in records] == list(range(count))
    assert reading == SliceStatistics(
        source_total=count if total else None,
        fetched=count,
        requests=shop_list.requests,
        seconds=reading.seconds,
        complete=True,
    )


def test_pages_overlap_by_one_row_and_advance_by_the_rows_received(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, list(range(25)))
    shop_list.cap = 8
    loopback.seen.clear()
    read_slice(loopback)
    reading = [{"fixed": "1", "limit": "10", "offset": str(offset)} for offset in (0, 7, 14, 21)]
    assert [dict(seen.query) for seen in loopback.seen] == 2 * reading


def test_one_page_that_holds_all_is_one_request(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, list(range(9)))
    read_slice(loopback)
    assert shop_list.requests == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows.pop(0), id="a record went away before the page"),
        pytest.param(lambda rows: rows.insert(0, {"id": 99}), id="a record came before the page"),
        pytest.param(lambda rows: rows.append(rows.pop(3)), id="a record moved to the end"),
        pytest.param(lambda rows: rows.pop(), id="a record went away at the end"),
        pytest.param(lambda rows: rows.append({"id": 99}), id="a record came at the end"),
        pytest.param(lambda rows: rows.reverse(), id="the order turned"),
    ],
)
def test_a_list_that_moves_is_read_again(loopback: Loopback, change: Callable[[list[Any]], Any]) -> None:
    shop_list = ShopList(loopback, list(range(30)))

    def before(request: int) -> None:
        if request == 2:
            change(shop_list.rows)

    shop_list.before = before
    records, reading = read_slice(loopback)
    assert records == shop_list.rows
    assert reading.restarts == 1
    assert reading.source_total == len(shop_list.rows)


def test_a_list_that_never_rests_fails(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, list(range(30)))
    shop_list.before = lambda request: shop_list.rows.append(shop_list.rows.pop(0))
    with pytest.raises(
        IncompleteSlice, match=rf"^things: the page at offset 9 .* after {MAX_RESTARTS} restarts$"
    ):
        read_slice(loopback)
    # docs/promises.md: read again three times at most. Each reading here ends at its second page
    assert (MAX_RESTARTS, shop_list.requests) == (3, 2 * (1 + 3))


@pytest.mark.parametrize("total", ["true", None])
def test_a_server_that_ignores_the_offset_is_refused(loopback: Loopback, total: Any) -> None:
    shop_list = ShopList(loopback, list(range(30)))
    shop_list.ignored, shop_list.total = {"offset"}, total
    paginator = OFFSET if total else {"type": "offset", "limit": 10}
    with pytest.raises(IncompleteSlice, match="repeats a page"):
        read_slice(loopback, paginator)
    assert shop_list.requests == 2


def test_a_server_that_ignores_the_limit_is_read_whole(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, list(range(30)))
    shop_list.ignored = {"limit"}
    records, _ = read_slice(loopback)
    assert len(records) == 30


def test_fewer_records_than_the_total_fail(loopback: Loopback) -> None:
    ShopList(loopback, list(range(30))).total = 31
    with pytest.raises(IncompleteSlice, match="says it has 31 records, 30 distinct ones came"):
        read_slice(loopback)


def test_duplicates_within_a_page_fail(loopback: Loopback) -> None:
    ShopList(loopback, [1, 2, 2, 3])
    with pytest.raises(IncompleteSlice, match="says it has 4 records, 3 distinct ones came"):
        read_slice(loopback)


@pytest.mark.parametrize("total", ["many", -1, None, True, 1.5])
def test_a_total_that_is_none_is_an_error(loopback: Loopback, total: Any) -> None:
    ShopList(loopback, [1]).total = total
    with pytest.raises(
        ApiError, match=r"^things: total_path total found .*the number of records was expected$"
    ):
        read_slice(loopback)


def test_a_total_in_a_header_counts(loopback: Loopback) -> None:
    ShopList(loopback, list(range(25))).total = None
    paginator = {"type": "offset", "limit": 10, "total_header": "X-Total"}
    assert read_slice(loopback, paginator)[1].source_total == 25
    paginator["total_header"] = "X-Other"
    with pytest.raises(ApiError, match="total_header X-Other found nothing"):
        read_slice(loopback, paginator)


@pytest.mark.parametrize(
    "body", [{}, {"data": None}, {"error": "quota", "total": 0}, {"data": "none"}, {"data": 3}, [], 7]
)
def test_a_200_answer_without_the_list_is_an_error(loopback: Loopback, body: Any) -> None:
    loopback.answering = lambda seen: json_reply(body)
    with pytest.raises(ApiError, match=r"^things: data_selector 'data' found "):
        read_slice(loopback, {"type": "offset", "limit": 10})


def test_an_empty_list_is_none(loopback: Loopback) -> None:
    ShopList(loopback, [])
    records, reading = read_slice(loopback)
    assert (records, reading.complete, reading.source_total) == ([], True, 0)


def test_records_at_the_top_level(loopback: Loopback) -> None:
    loopback.answering = lambda seen: json_reply([{"id": 1}, {"id": 2}])
    assert len(read_slice(loopback, {"type": "single_page"}, "$")[0]) == 2
    loopback.answering = lambda seen: json_reply({"orders": [], "page": 1})
    with pytest.raises(ApiError, match="an object with the keys orders, page; declare which"):
        read_slice(loopback, {"type": "single_page"}, "$")


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [0, 5, 20, 23])
def test_page_numbers(loopback: Loopback, count: int, total: bool) -> None:
    shop_list = ShopList(loopback, list(range(count)))
    shop_list.cap = 10
    paginator: dict[str, Any] = {"type": "page_number", "base_page": 1}
    records, reading = read_slice(loopback, paginator | ({"total_path": "total"} if total else {}))
    assert [record["id"] for record in records] == list(range(count))
    assert reading.source_total == (count if total else None)


def test_page_numbers_of_a_list_that_moves(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, list(range(30)))
    shop_list.cap = 10

    def before(request: int) -> None:
        if request == 1:
            shop_list.rows.insert(0, {"id": 99})

    shop_list.before = before
    records, reading = read_slice(loopback, {"type": "page_number", "base_page": 1})
    assert (len(records), reading.restarts) == (31, 1)


def test_a_record_that_comes_and_goes_between_page_numbers_hides_no_other(loopback: Loopback) -> None:
    """It pushes the last record beyond `maximum_page` in every reading, so the readings agree."""
    shop_list = ShopList(loopback, [1, 2, 3, 4])
    shop_list.cap, shop_list.total = 2, None

    def before(request: int) -> None:
        if request % 2:
            shop_list.rows.insert(0, {"id": 99})
        elif request:
            shop_list.rows.pop(0)

    shop_list.before = before
    paginator = {"type": "page_number", "base_page": 1, "maximum_page": 3}  # the first one that is not read
    with pytest.raises(IncompleteSlice, match="different pages have the same records"):
        read_slice(loopback, paginator)
    shop_list.before = lambda request: None
    shop_list.rows = shop_list.rows[-4:]
    records, _ = read_slice(loopback, paginator)
    assert [record["id"] for record in records] == [1, 2, 3, 4]


def test_an_order_that_repeats_a_record_at_a_later_offset_is_refused(loopback: Loopback) -> None:
    """The record 0 stands in the place of another one. The pages overlap, and two readings agree."""
    shop_list = ShopList(loopback, [0, 1, 2, 3, 4, 0, 6, 7])
    shop_list.total = None
    with pytest.raises(IncompleteSlice, match="different pages have the same records"):
        read_slice(loopback, {"type": "offset", "limit": 5})


def test_next_links(loopback: Loopback) -> None:
    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query).get("p", 1))
        link = f"{loopback.base_url}/things?p={page + 1}" if page < 3 else None
        return json_reply({"data": [{"id": page}], "total": 3, "next": link})

    loopback.answering = answer
    paginator = {"type": "json_link", "next_url_path": "next", "total_path": "total"}
    records, _ = read_slice(loopback, paginator)
    assert [record["id"] for record in records] == [1, 2, 3]


def test_next_links_without_end(loopback: Loopback) -> None:
    link = f"{loopback.base_url}/things?p=1"
    loopback.answering = lambda seen: json_reply({"data": [{"id": 1}], "next": link})
    with pytest.raises(IncompleteSlice, match="no record that had not been seen"):
        read_slice(loopback, {"type": "json_link", "next_url_path": "next"})


def test_records_without_a_key_are_counted_not_lost(loopback: Loopback) -> None:
    shop_list = ShopList(loopback, [])
    shop_list.rows = [{"id": None, "n": 1}, {"n": 2}, "text", {"id": [1]}, {"id": 5}]
    records, _ = read_slice(loopback)
    assert records == shop_list.rows
