"""Forms of paging that real APIs have beside dlt's: texts for true, links of a proxy, ranges, cursors in headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

ROWS = [{"id": number} for number in range(25)]


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


def ids(records: list[Any]) -> list[int]:
    return [record["id"] for record in records]


KINDS: list[dict[str, Any]] = [
    {"type": "offset", "limit": 10},
    {"type": "page_number", "base_page": 1},
    {"type": "cursor", "cursor_path": "data[-1].id", "cursor_param": "after"},
]


@pytest.mark.parametrize("paginator", KINDS, ids=[kind["type"] for kind in KINDS])
@pytest.mark.parametrize(
    ("true", "false"), [(1, 0), ("1", "0"), ("Y", "N"), ("yes", "no"), ("TRUE", "False")]
)
def test_has_more_as_a_number_or_a_text(loopback: Loopback, paginator: Any, true: Any, false: Any) -> None:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        start = int(
            query.get("offset", int(query.get("after", -1)) + 1 + 10 * (int(query.get("page", 1)) - 1))
        )
        return json_reply({"data": ROWS[start : start + 10], "more": true if start + 10 < 25 else false})

    loopback.answering = answer
    records, reading = read_slice(loopback, paginator | {"has_more_path": "more"})
    assert (ids(records), reading.confirmed_by) == (list(range(25)), "end")


@pytest.mark.parametrize("value", [None, "perhaps", 2, [], {}])
def test_has_more_as_something_else_is_an_error(loopback: Loopback, value: Any) -> None:
    loopback.answering = lambda seen: json_reply({"data": ROWS[:10], "more": value})
    with pytest.raises(
        ApiError, match=r"^things: has_more_path more found .*; allowed: true or false, 1 or 0"
    ):
        read_slice(loopback, {"type": "page_number", "has_more_path": "more"})


@pytest.mark.parametrize("paginator", KINDS, ids=[kind["type"] for kind in KINDS])
@pytest.mark.parametrize("last", [{}, {"more": None}, {"more": ""}])
@pytest.mark.parametrize("count", [25, 20, 7, 0])
def test_has_more_that_is_left_out_where_it_is_false(
    loopback: Loopback, paginator: Any, last: dict[str, Any], count: int
) -> None:
    """Many libraries leave out what is false or empty."""

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        start = int(
            query.get("offset", int(query.get("after", -1)) + 1 + 10 * (int(query.get("page", 1)) - 1))
        )
        rows = ROWS[:count][start : start + 10]
        return json_reply({"data": rows, **({"more": True} if start + 10 < count else last)})

    loopback.answering = answer
    records, reading = read_slice(loopback, paginator | {"has_more_path": "more"}, params={"limit": "10"})
    assert (ids(records), reading.confirmed_by) == (list(range(count)), "end")


def test_a_wrong_has_more_path_ends_no_list_on_a_short_page(loopback: Loopback) -> None:
    """The API puts seven records on a page, although it is asked for ten."""

    def answer(seen: Seen) -> Reply:
        start = 7 * (int(dict(seen.query)["page"]) - 1)
        return json_reply({"data": ROWS[:25][start : start + 7], "more": start + 7 < 25})

    loopback.answering = answer
    number = {"type": "page_number", "base_page": 1, "has_more_path": "mor"}
    assert ids(read_slice(loopback, number, params={"limit": "10"})[0]) == list(range(25))
    with pytest.raises(ApiError, match="has_more_path mor found nothing"):
        read_slice(loopback, number)


def linked(loopback: Loopback, last: Any, base: str | None = None) -> None:
    """Answer with pages of ten that are linked in the body; `last` is the link of the last page."""

    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query).get("p", 1))
        own = f"{base or loopback.base_url}/things?p={page}"
        link = f"{base or loopback.base_url}/things?p={page + 1}" if page < 3 else last
        rows = ROWS[10 * page - 10 : 10 * page]
        return json_reply({"data": rows, "next": own if link == "itself" else link})

    loopback.answering = answer


@pytest.mark.parametrize("last", [None, "", " ", False, "itself"])
def test_the_last_page_has_an_empty_link_or_one_to_itself(loopback: Loopback, last: Any) -> None:
    linked(loopback, last)
    records, reading = read_slice(loopback, {"type": "json_link", "next_url_path": "next"})
    assert (ids(records), reading.confirmed_by, reading.restarts) == (list(range(25)), "end", 0)


def test_a_full_page_with_a_link_to_itself_is_no_end(loopback: Loopback) -> None:
    """Such a link may be an error of the API on any page."""
    loopback.answering = lambda seen: json_reply({"data": ROWS[:10], "next": "/things?limit=10&fixed=1"})
    with pytest.raises(IncompleteSlice, match=r"leads to the page that it is on.*declare total_path"):
        read_slice(loopback, {"type": "json_link", "next_url_path": "next"}, params={"limit": "10"})


@pytest.mark.parametrize(
    "base", ["https://127.0.0.1:{port}", "http://internal:8080", "//internal", "http://127.0.0.1:1"]
)
def test_links_of_a_proxy(loopback: Loopback, base: str) -> None:
    linked(loopback, None, base.format(port=loopback.base_url.rpartition(":")[2]))
    paginator = {"type": "json_link", "next_url_path": "next"}
    with pytest.raises(ApiError, match=r"refused to send this to .* declare only_path_and_query: true"):
        read_slice(loopback, paginator)
    assert ids(read_slice(loopback, paginator | {"only_path_and_query": True})[0]) == list(range(25))


def test_link_headers_of_a_proxy(loopback: Loopback) -> None:
    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query).get("p", 1))
        link = f'<http://internal/things?p={page + 1}>; rel="next"' if page < 3 else ""
        return json_reply({"data": ROWS[10 * page - 10 : 10 * page]}, link=link)

    loopback.answering = answer
    assert len(read_slice(loopback, {"type": "header_link", "only_path_and_query": True})[0]) == 25


@pytest.mark.parametrize(("keep", "kept"), [(None, {"fixed", "limit"}), ([], set()), (["limit"], {"limit"})])
@pytest.mark.parametrize("kind", ["cursor", "header_cursor"])
def test_a_token_that_is_sent_alone(loopback: Loopback, kind: str, keep: Any, kept: set[str]) -> None:
    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        start = int(query.pop("token", 0))
        assert start == 0 or set(query) == kept
        following = str(start + 10) if start < 20 else None
        reply = json_reply({"data": ROWS[start : start + 10], "next": following})
        return Reply(200, reply.body, reply.headers | ({"X-Next": following} if following else {}))

    loopback.answering = answer
    place = {"cursor_path": "next"} if kind == "cursor" else {"cursor_key": "X-Next"}
    paginator = {"type": kind, "cursor_param": "token", "keep_params": keep, **place}
    assert ids(read_slice(loopback, paginator, params={"limit": "10"})[0]) == list(range(25))


@pytest.mark.parametrize("kind", ["cursor", "header_cursor"])
def test_a_cursor_in_a_header_of_the_request(loopback: Loopback, kind: str) -> None:
    def answer(seen: Seen) -> Reply:
        assert "cursor" not in dict(seen.query)
        start = int(seen.headers.get("x-continuation", 0))
        following = str(start + 10) if start < 20 else None
        reply = json_reply({"data": ROWS[start : start + 10], "next": following})
        return Reply(200, reply.body, reply.headers | ({"X-Continuation": following} if following else {}))

    loopback.answering = answer
    place = {"cursor_path": "next"} if kind == "cursor" else {"cursor_key": "X-Continuation"}
    records, reading = read_slice(loopback, {"type": kind, "cursor_header": "X-Continuation", **place})
    assert (ids(records), reading.restarts) == (list(range(25)), 0)


class Ranges:
    """Answers ranges as HTTP does: 206 with Content-Range, 416 past the end."""

    def __init__(
        self, loopback: Loopback, count: int, total: str | None, unit: str = "items", header: str = "range"
    ) -> None:
        self.count = count
        self.total = total
        self.prefix = f"{unit}="
        self.header = header
        self.asked: list[str] = []
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer a range of ten records at most."""
        asked = dict(seen.query).get("range") or seen.headers[self.header].removeprefix(self.prefix)
        self.asked.append(asked)
        first, last = map(int, asked.split("-"))
        rows = ROWS[: self.count][first : min(last, first + 9) + 1]
        total = self.total.format(count=self.count) if self.total else ""
        if not rows:
            return Reply(416, b"", {"Content-Range": f"items */{total}"} if total else {})
        headers = {"Content-Range": f"items {first}-{first + len(rows) - 1}/{total}"} if total else {}
        return Reply(206, json_reply(rows).body, headers | {"Content-Type": "application/json"})


@pytest.mark.parametrize("total", ["{count}", "*", None])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 20, 25])
def test_ranges(loopback: Loopback, count: int, total: str | None) -> None:
    ranges = Ranges(loopback, count, total)
    records, reading = read_slice(loopback, {"type": "range", "limit": 10}, "$")
    assert (ids(records), reading.restarts) == (list(range(count)), 0)
    if count:
        assert reading.source_total == (count if total == "{count}" else None)
    assert ranges.asked[0] == "0-9"


def test_ranges_in_other_places(loopback: Loopback) -> None:
    Ranges(loopback, 25, "{count}", unit="rows", header="x-range")
    paginator = {"type": "range", "limit": 10, "unit": "rows", "range_header": "X-Range"}
    assert len(read_slice(loopback, paginator, "$")[0]) == 25
    Ranges(loopback, 25, "*")
    assert len(read_slice(loopback, {"type": "range", "limit": 10, "range_param": "range"}, "$")[0]) == 25


def test_a_range_that_is_ignored_fails(loopback: Loopback) -> None:
    loopback.answering = lambda seen: json_reply(ROWS[:10])
    with pytest.raises(IncompleteSlice, match="repeats a page"):
        read_slice(loopback, {"type": "range", "limit": 10}, "$")
