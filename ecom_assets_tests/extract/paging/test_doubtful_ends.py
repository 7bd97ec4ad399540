"""An end that something in the answer contradicts: more behind an empty page, a part of the list, a redirect."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.declaration.api.record_shape import RecordShape
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.servers.raw_answers import HangUp, RawServer, raw_server

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


def hidden(loopback: Loopback, hide: range, count: int = 25, size: int = 5) -> None:
    """Serve pages of records of which some are hidden after the API has cut the pages, without a word about it."""

    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        rows = [{"id": number} for number in range(count)][start : start + size]
        return json_reply({"data": [row for row in rows if row["id"] not in hide]})

    loopback.answering = answer


@pytest.mark.parametrize(
    ("paginator", "hide"),
    [
        (OFFSET, range(5, 15)),
        (NUMBER, range(5, 15)),
        (NUMBER, range(10, 15)),
        (OFFSET, range(5, 17)),
        (NUMBER, range(5, 17)),
    ],
)
def test_pages_behind_an_empty_page_behind_a_full_one(
    loopback: Loopback, paginator: Any, hide: range
) -> None:
    hidden(loopback, hide)
    with pytest.raises(IncompleteSlice, match=r"a page has no records, .* a page behind it has records"):
        read_slice(loopback, paginator)


@pytest.mark.parametrize("paginator", [OFFSET, NUMBER], ids=["offset", "page_number"])
@pytest.mark.parametrize("action", [{"status_code": 404}, {"content": "no such page"}])
def test_an_ignored_page_is_no_end_if_the_page_behind_it_has_records(
    loopback: Loopback, paginator: dict[str, Any], action: dict[str, Any]
) -> None:
    refused = {10, 25, 30}

    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        if any(start <= place < start + 5 for place in refused):
            return Reply(404, b'{"error": "no such page"}')
        return json_reply({"data": ROWS[start : start + 5]})

    loopback.answering = answer
    actions = ({**action, "action": "ignore"},)
    with pytest.raises(IncompleteSlice, match="a page behind it has records"):
        read_slice(loopback, paginator, response_actions=actions)
    refused.remove(10)
    records, reading = read_slice(loopback, paginator, response_actions=actions)
    assert (len(records), reading.confirmed_by) == (25, "end")


def test_an_empty_page_0_is_no_empty_list_if_page_1_has_records(loopback: Loopback) -> None:
    """`base_page` is 0 in dlt if it is not declared."""
    rows = ROWS

    def answer(seen: Seen) -> Reply:
        page = int(dict(seen.query)["page"])
        return json_reply({"data": rows[5 * (page - 1) :][:5] if page else []})

    loopback.answering = answer
    with pytest.raises(IncompleteSlice, match=r"page 0 has no records, .* from 1, declare base_page: 1$"):
        read_slice(loopback, {"type": "page_number"})
    assert len(read_slice(loopback, NUMBER)[0]) == 25
    rows = []
    records, reading = read_slice(loopback, {"type": "page_number"})
    assert (records, reading.confirmed_by) == ([], "end")


def test_a_page_shorter_than_the_next_one_leaves_the_end_unconfirmed(loopback: Loopback) -> None:
    """This API hides records from its pages, so an empty page is no end of the list."""
    hidden(loopback, range(7, 8))
    records, reading = read_slice(loopback, NUMBER)
    assert (len(records), reading.confirmed_by) == (24, "nothing")
    hidden(loopback, range(7, 8))
    loopback_answer = loopback.answering
    assert loopback_answer
    loopback.answering = lambda seen: json_reply({**json.loads(loopback_answer(seen).body), "total": 24})
    records, reading = read_slice(loopback, NUMBER | {"total_path": "total"})
    assert (len(records), reading.confirmed_by) == (24, "total")


@pytest.mark.parametrize("paginator", [OFFSET, NUMBER], ids=["offset", "page_number"])
def test_a_short_last_page_needs_no_page_behind_the_empty_one(loopback: Loopback, paginator: Any) -> None:
    hidden(loopback, range(0), count=22)
    records, reading = read_slice(loopback, paginator)
    assert (len(records), reading.confirmed_by) == (22, "end")
    assert reading.requests == 2 * (7 if paginator is OFFSET else 6)


@pytest.mark.parametrize(
    ("paginator", "total", "confirmed_by"),
    [
        ({"type": "offset", "limit": 400}, 1000, "nothing"),
        ({"type": "page_number", "base_page": 1}, 1000, "nothing"),
        ({"type": "json_link", "next_url_path": "next"}, 1000, "nothing"),
        ({"type": "offset", "limit": 400}, 999, "total"),
        ({"type": "offset", "limit": 5000}, 1000, "total"),
    ],
)
def test_a_round_total_may_be_a_maximum(
    loopback: Loopback, paginator: Any, total: int, confirmed_by: str
) -> None:
    """The API has 1,250 records, shows as many as its total says, and nothing behind them."""
    rows = [{"id": number} for number in range(1250)][:total]

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        size = int(query.get("limit", 400))
        start = int(query.get("offset", size * (int(query.get("page", 1)) - 1)))
        link = f"/things?offset={start + size}" if start + size < total else None
        return json_reply({"data": rows[start : start + size], "total": total, "next": link})

    loopback.answering = answer
    records, reading = read_slice(loopback, paginator | {"total_path": "total"})
    assert (len(records), reading.source_total, reading.confirmed_by) == (total, total, confirmed_by)


def capped(sign: Callable[[int], Any], link: str = "") -> Callable[[Seen], Reply]:
    """Serve 20 of 25 records in pages of ten. The total says 20, and `sign` what else says that there are more."""

    def answer(seen: Seen) -> Reply:
        start = 10 * (int(dict(seen.query).get("page", 1)) - 1)
        rows = [{"id": number} for number in range(20)][start : start + 10]
        return json_reply({"data": rows, "total": 20, **sign(start + len(rows))}, link=link)

    return answer


@pytest.mark.parametrize(
    "sign", [lambda end: {"has_more": True}, lambda end: {"links": {"next": f"/things?page={end}"}}]
)
def test_a_sign_that_stands_behind_the_end_too_does_not_contradict_a_total(
    loopback: Loopback, sign: Any
) -> None:
    loopback.answering = capped(sign)
    assert read_slice(loopback, NUMBER | {"total_path": "total"})[1].confirmed_by == "total"


def test_a_sign_on_the_last_page_alone_casts_doubt_on_a_total(loopback: Loopback) -> None:
    pages: list[str] = []

    def sign(end: int) -> dict[str, Any]:
        pages.append(str(end))
        return {"has_more": len(pages) % 3 != 0}

    loopback.answering = capped(sign)
    records, reading = read_slice(loopback, NUMBER | {"total_path": "total"})
    assert (len(records), reading.confirmed_by) == (20, "nothing")


@pytest.mark.parametrize("beside", [{"has_more": True}, {"paging": {"next": "/things?page=2"}}, {}])
def test_a_single_page_with_a_total_and_a_sign_of_more(loopback: Loopback, beside: Any) -> None:
    """Ten records may be a full page, whose length is what the total tells."""
    loopback.answering = lambda seen: json_reply({"data": ROWS[:10], "total": 10, **beside})
    paginator = {"type": "single_page", "total_path": "total"}
    assert read_slice(loopback, paginator)[1].confirmed_by == "nothing"
    loopback.answering = lambda seen: json_reply({"data": ROWS[:7], "total": 7, **beside})
    assert read_slice(loopback, paginator)[1].confirmed_by == ("nothing" if beside else "total")


@pytest.mark.parametrize(
    ("beside", "headers", "sign"),
    [
        ({"total": 25}, {}, "the field total: 25"),
        ({"paging": {"totalResults": "25"}}, {}, "the field paging.totalResults: 25"),
        ({"moreResults": True}, {}, "the field moreResults: true"),
        ({}, {"X-WP-TotalPages": "3"}, "the header X-WP-TotalPages: 3"),
    ],
)
def test_an_only_page_that_says_that_there_are_more(
    loopback: Loopback,
    caplog: pytest.LogCaptureFixture,
    beside: dict[str, Any],
    headers: dict[str, str],
    sign: str,
) -> None:
    """Without a declared paginator it is a part of the list by mistake, with `single_page` it may be what is wanted."""
    body = json.dumps({"data": ROWS[:9], **beside})
    loopback.answering = lambda seen: Reply(200, body, {"Content-Type": "application/json", **headers})
    with pytest.raises(IncompleteSlice, match=f"the only page has 9 records, but the response has {sign}"):
        read_slice(loopback, {})
    with caplog.at_level(logging.WARNING):
        records, reading = read_slice(loopback, {"type": "single_page"})
    assert (len(records), reading.confirmed_by) == (9, "nothing")
    assert f"only one page of 9 records is read, but the response has {sign}" in caplog.text
    loopback.answering = lambda seen: json_reply({"data": ROWS, "total": 25})
    assert len(read_slice(loopback, {})[0]) == 25


def test_a_single_page_without_a_total_is_the_end_only_below_its_page_size(loopback: Loopback) -> None:
    """Ten records may be a full page of an API that puts fewer on it than it is asked for."""
    single_page = {"type": "single_page"}
    for count, asked, confirmed_by in ((7, "20", "end"), (10, "20", "nothing"), (7, None, "nothing")):
        loopback.answering = lambda seen, count=count: json_reply({"data": ROWS[:count]})
        records, reading = read_slice(loopback, single_page, params={"limit": asked} if asked else {})
        assert (len(records), reading.confirmed_by) == (count, confirmed_by)
    with pytest.raises(IncompleteSlice, match="the only page has 7 records, as many as it was asked for"):
        read_slice(loopback, single_page, params={"limit": "7"})


def read_lines(server: RawServer) -> SliceStatistics:
    api: Any = SimpleNamespace(base_url=f"http://{server.host}")
    lines = RecordShape.model_validate({"form": "lines"})
    return read_slice(
        api, {"type": "single_page"}, "$", policy={"max_retries": 0}, params={"limit": "10"}, records=lines
    )[1]


LINES = b'{"id": 1}\n{"id": 2}\n{"id": 3}\n'
PACKED = gzip.compress(b"".join(b'{"id": %d}\n' % number for number in (1, 2, 3)))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD, b"Content-Length: 60\r\n\r\n", LINES],
        [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"1e\r\n" + LINES + b"\r\n"],
        [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"1e\r\n" + LINES + b"\r\n1e\r\n" + LINES[:10]],
    ],
    ids=["length", "no last chunk", "half a chunk"],
)
def test_lines_that_are_cut_off_at_a_line_fail(pieces: list[bytes]) -> None:
    def answer(path: str) -> Iterator[bytes]:
        yield from pieces
        raise HangUp

    with raw_server(answer) as server, pytest.raises(ApiError):
        read_lines(server)


@pytest.mark.parametrize(
    ("answer", "confirmed_by"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + LINES + b"\r\n0\r\n\r\n", "end"),
        (b"Content-Length: 30\r\n\r\n" + LINES, "end"),
        (b"\r\n" + LINES, "nothing"),
        (b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED, "nothing"),
        (
            b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (len(PACKED) - 9) + PACKED[:-9],
            "nothing",
        ),
    ],
    ids=["chunks", "length", "no length", "packed", "half of what is packed"],
)
def test_the_end_of_lines_is_confirmed_by_their_length_alone(answer: bytes, confirmed_by: str) -> None:
    def answering(path: str) -> Iterator[bytes]:
        yield HEAD + answer
        raise HangUp

    with raw_server(answering) as server:
        assert read_lines(server).confirmed_by == confirmed_by


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
            return Reply(302, "", {"Location": f"{to}?{urlencode(seen.query)}"})
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


@pytest.mark.parametrize(
    "paginator", [{"type": "single_page"}, NUMBER, OFFSET], ids=["all", "number", "offset"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_that_loses_a_parameter(
    loopback: Loopback, paginator: dict[str, Any], status: int
) -> None:
    """The API answers the shorter request with the records that it shows by default."""

    def answer(seen: Seen) -> Reply:
        query = [entry for entry in seen.query if entry[0] != "status"]
        if seen.path == "/things":
            return Reply(status, "", {"Location": f"/things/?{urlencode(query)}"})
        is_page = {"page", "offset"} & dict(query).keys()
        return json_reply({"data": ROWS[start_of(seen) :][:5] if is_page else ROWS[:3]})

    loopback.answering = answer
    with pytest.raises(IncompleteSlice, match=rf"with status {status} and loses the parameter status, so"):
        read_slice(loopback, paginator, params={"status": "any"})


@pytest.mark.parametrize(
    ("status", "is_lost"), [(301, True), (302, True), (303, True), (307, False), (308, False)]
)
def test_a_redirect_that_loses_a_body(loopback: Loopback, status: int, is_lost: bool) -> None:
    def answer(seen: Seen) -> Reply:
        if seen.path == "/things":
            return Reply(status, "", {"Location": f"/things/?{urlencode(seen.query)}"})
        return json_reply({"data": ROWS if seen.method == "POST" else ROWS[:3]})

    loopback.answering = answer
    search: dict[str, Any] = {"method": "POST", "json_body": {"status": "any"}}
    if is_lost:
        with pytest.raises(
            IncompleteSlice, match=rf"with status {status} and loses the body of the POST, so"
        ):
            read_slice(loopback, {"type": "single_page"}, **search)
    else:
        assert len(read_slice(loopback, {"type": "single_page"}, **search)[0]) == 25


def test_the_answer_of_a_search_may_be_at_another_path(loopback: Loopback) -> None:
    """Status 303 says so, and no other status does."""
    for status in (303, 302):
        loopback.answering = lambda seen, status=status: (
            json_reply({"data": ROWS})
            if seen.path == "/results/7"
            else Reply(status, "", {"Location": "/results/7"})
        )
        search: dict[str, Any] = {"method": "POST", "json_body": {"status": "any"}}
        if status == 303:
            assert len(read_slice(loopback, {"type": "single_page"}, **search)[0]) == 25
        else:
            with pytest.raises(IncompleteSlice, match="loses the parameter fixed"):
                read_slice(loopback, {"type": "single_page"}, **search)


def test_a_redirect_from_behind_the_end_to_the_first_page(loopback: Loopback) -> None:
    """Its records are known, so it loses none."""

    def answer(seen: Seen) -> Reply:
        start = start_of(seen)
        if start >= len(ROWS):
            return Reply(302, "", {"Location": "/things"})
        return json_reply({"data": ROWS[start : start + 5], "total": len(ROWS)})

    loopback.answering = answer
    records, reading = read_slice(loopback, NUMBER | {"total_path": "total"})
    assert (len(records), reading.confirmed_by) == (25, "total")


@pytest.mark.parametrize(
    "paginator", [{"type": "single_page"}, {"type": "cursor", "cursor_path": "next"}, NUMBER]
)
def test_an_accepted_request_without_records_is_no_empty_list(
    loopback: Loopback, caplog: pytest.LogCaptureFixture, paginator: dict[str, Any]
) -> None:
    """Status 202 says that the API has not looked yet."""
    for status, confirmed_by in ((202, "nothing"), (200, "end")):
        loopback.answering = lambda seen, status=status: json_reply({"data": [], "next": None}, status)
        assert read_slice(loopback, paginator)[1].confirmed_by == confirmed_by
    assert [record for record in caplog.messages if "202 Accepted" in record]
    loopback.answering = lambda seen: json_reply({"data": ROWS[:3], "next": None}, 202)
    assert len(read_slice(loopback, {"type": "cursor", "cursor_path": "next"})[0]) == 3


@pytest.mark.parametrize(
    ("paginator", "refused", "confirmed_by"),
    [
        ({"type": "cursor", "cursor_path": "next"}, 2, "nothing"),
        ({"type": "json_link", "next_url_path": "link"}, 2, "nothing"),
        ({"type": "cursor", "cursor_path": "next"}, 1, "nothing"),
        ({"type": "single_page"}, 1, "nothing"),
        (NUMBER, 1, "nothing"),
        (NUMBER, 2, "end"),
    ],
)
def test_an_ignored_page_that_the_api_led_to_is_no_end(
    loopback: Loopback, paginator: dict[str, Any], refused: int, confirmed_by: str
) -> None:
    """A 404 behind the last page is an end, but not one behind a pointer, nor one in place of the whole list."""

    def answer(seen: Seen) -> Reply:
        query = dict(seen.query)
        page = 2 if "cursor" in query or query.get("page") == "2" else 1
        if page == refused:
            return json_reply({}, 404)
        return json_reply({"data": ROWS[:10], "next": "b", "link": "/things?page=2"})

    loopback.answering = answer
    records, reading = read_slice(loopback, paginator)
    assert (len(records), reading.confirmed_by) == (10 * (refused - 1), confirmed_by)
