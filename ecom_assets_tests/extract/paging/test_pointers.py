"""The declared place of the next page: found in every form, and a failure where it was found on no page of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets_tests.support.loads.slices import read_slice
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving

LINK = "{base}/things?after={after}"
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Serve once for all tests here."""
    with serving() as running:
        yield running


class Pointing:
    """`count` records in pages of `size`, by the parameter `after`; `tell` adds what leads on."""

    def __init__(
        self, loopback: Loopback, count: int, size: int = 10, link: str = "{base}/things?after={after}"
    ) -> None:
        self.count = count
        self.size = size
        self.requests = 0
        self._link = link
        self._base = loopback.base_url
        self.tell: Callable[[dict[str, Any], dict[str, str], str | None], None] = (
            lambda body, headers, after: None
        )
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Answer with a page."""
        self.requests += 1
        query = dict(seen.query)
        size = min(int(query.get("limit", self.size)), self.size)
        start = int(query.get("after", 0))
        rows = [{"id": number} for number in range(self.count)][start : start + size]
        following = str(start + size) if start + size < self.count else None
        body: dict[str, Any] = {"data": rows}
        reply = json_reply(body)
        headers = dict(reply.headers)
        self.tell(body, headers, following)
        return Reply(200, json_reply(body).body, headers)

    def link(self, after: str) -> str:
        """Return the link to a page."""
        return self._link.format(base=self._base, after=after)


def read_ids(
    loopback: Loopback, paginator: dict[str, Any], **endpoint: Any
) -> tuple[list[int], SliceStatistics]:
    """Read a slice, and return the ids of its records, and its statistics."""
    records, reading = read_slice(loopback, paginator, **endpoint)
    return [record["id"] for record in records], reading


@pytest.mark.parametrize(
    "link", ["{base}/things?after={after}", "/things?after={after}", "?after={after}", "things?after={after}"]
)
@pytest.mark.parametrize(
    "form", ['<{}>; rel="next last"', "<{}>; REL=Next", '</x>; rel=first, <{}>; title=","; rel="next"']
)
def test_link_headers_in_every_form(loopback: Loopback, link: str, form: str) -> None:
    pages = Pointing(loopback, 25, link=link)

    def tell(body: dict[str, Any], headers: dict[str, str], after: str | None) -> None:
        headers["Link"] = form.format(pages.link(after)) if after else '</things>; rel="first"'

    pages.tell = tell
    assert read_ids(loopback, {"type": "header_link"})[0] == list(range(25))


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        ("@odata.nextLink", ("@odata.nextLink",)),
        ("'@odata.nextLink'", ("@odata.nextLink",)),
        ("page.next.url", ("page", "next.url")),
        ("page.@next", ("page", "@next")),
        ("$.paging.next-url", ("paging", "next-url")),
    ],
)
def test_names_with_a_dot_or_an_at_sign(loopback: Loopback, declared: str, path: tuple[str, ...]) -> None:
    pages = Pointing(loopback, 25)
    links = {"type": "json_link", "next_url_path": declared, "total_path": "@odata.count"}

    def tell(body: dict[str, Any], headers: dict[str, str], after: str | None) -> None:
        place = body
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = after and to(after)
        body["@odata.count"] = 25

    pages.tell = tell
    to: Callable[[str], str] = pages.link
    ids, reading = read_ids(loopback, links)
    assert (ids, reading.source_total) == (list(range(25)), 25)
    to = str
    assert read_ids(loopback, CURSOR | {"cursor_path": declared})[0] == ids


MISSPELT = [
    pytest.param({"type": "json_link", "next_url_path": "nxt"}, {"next": "{link}"}, {}, id="next_url_path"),
    pytest.param(
        {"type": "json_link", "next_url_path": "links.nxt"},
        {"links": {"next": {"href": "{link}"}}},
        {},
        id="href",
    ),
    pytest.param(
        CURSOR | {"cursor_path": "meta.cursr"}, {"meta": {"cursor": "{after}"}}, {}, id="cursor_path"
    ),
    pytest.param(CURSOR | {"cursor_path": "nextPageTokn"}, {"nextPageToken": "{after}"}, {}, id="token"),
    pytest.param(CURSOR | {"cursor_path": "data[-1].idd"}, {"has_more": True}, {}, id="in the records"),
    pytest.param(
        {"type": "header_link", "links_next_key": "nxt"}, {}, {"Link": '<{link}>; rel="next"'}, id="relation"
    ),
    pytest.param(
        {"type": "header_cursor", "cursor_key": "X-Nxt", "cursor_param": "after"},
        {},
        {"X-Next": "{after}"},
        id="header",
    ),
    pytest.param({"type": "json_link", "next_url_path": "nxt"}, {"total": 25}, {}, id="only a total"),
    pytest.param(
        {"type": "json_link", "next_url_path": "nxt"}, {}, {"X-Total-Count": "25"}, id="only a header"
    ),
]


def telling(pages: Pointing, body_form: Any, header_form: dict[str, str]) -> Any:
    """Return a `tell` that fills these forms in; without another page it adds nothing."""

    def filled(form: Any, after: str) -> Any:
        if isinstance(form, dict):
            return {name: filled(value, after) for name, value in form.items()}
        return form.format(link=pages.link(after), after=after) if isinstance(form, str) else form

    def tell(body: dict[str, Any], headers: dict[str, str], after: str | None) -> None:
        if after:
            body.update(filled(body_form, after))
            headers.update(filled(header_form, after))

    return tell


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize(("paginator", "body", "headers"), MISSPELT)
def test_a_misspelt_pointer_fails_even_if_no_page_size_is_known(
    loopback: Loopback, paginator: dict[str, Any], body: Any, headers: dict[str, str], size: int
) -> None:
    pages = Pointing(loopback, 25, size)
    pages.tell = telling(pages, body, headers)
    with pytest.raises(IncompleteSlice, match=r"was found on no page.*[Dd]eclare"):
        read_slice(loopback, paginator)


@pytest.mark.parametrize("count", [7, 25])
@pytest.mark.parametrize("param", ["limit", "page[size]", "perPage"])
def test_a_pointer_that_nothing_hints_at_fails_on_a_page_as_long_as_its_limit(
    loopback: Loopback, count: int, param: str
) -> None:
    pages = Pointing(loopback, count, 7)
    pages.tell = telling(pages, {"zzz": "{after}"}, {})
    with pytest.raises(
        IncompleteSlice, match="next_url_path nxt was found on no page, although the page has 7"
    ):
        read_slice(loopback, {"type": "json_link", "next_url_path": "nxt"}, params={param: "7"})
    # a total confirms that it is everything
    pages.tell = lambda body, headers, after: body.update(total=count)
    if count == 7:
        ids, reading = read_ids(
            loopback,
            {"type": "json_link", "next_url_path": "nxt", "total_path": "total"},
            params={param: "7"},
        )
        assert (len(ids), reading.confirmed_by) == (7, "total")


@pytest.mark.parametrize("count", [0, 1, 3, 10, 20])
def test_a_pointer_that_is_left_out_on_the_last_page_is_the_end(loopback: Loopback, count: int) -> None:
    """Also where the only page is a full one: then it is asked for with one record fewer, and has a pointer."""
    pages = Pointing(loopback, count)
    pages.tell = telling(pages, {"next": "{after}"}, {})
    ids, reading = read_ids(loopback, CURSOR, params={"limit": "10"})
    assert (ids, reading.confirmed_by, reading.restarts) == (list(range(count)), "end", 0)
    if count == 10:
        assert pages.requests == 2


def test_an_api_that_gives_fewer_records_than_asked_for(loopback: Loopback) -> None:
    """Ten records are a page of a usual size, so the pointer is looked for on a smaller page."""
    for place, count in (("next", 10), ("nxt", 10), ("nxt", 25)):
        pages = Pointing(loopback, count)
        pages.tell = telling(pages, {"zzz" if place == "nxt" else "next": "{after}"}, {})
        paginator = CURSOR | {"cursor_path": place}
        if place == "next":
            assert len(read_ids(loopback, paginator, params={"limit": "100"})[0]) == 10
            continue
        with pytest.raises(IncompleteSlice, match="was found on no page, although the page has 10 records"):
            read_slice(loopback, paginator, params={"limit": "100"})


@pytest.mark.parametrize("last", [None, "", False, 0])
def test_an_empty_pointer_is_the_end_whatever_the_length(loopback: Loopback, last: Any) -> None:
    for config in (CURSOR, {"type": "json_link", "next_url_path": "next"}):
        pages = Pointing(loopback, 10)
        pages.tell = lambda body, headers, after: body.update(next=last)
        ids, reading = read_ids(loopback, config, params={"limit": "10"})
        assert (len(ids), reading.confirmed_by) == (10, "end")


@pytest.mark.parametrize("is_left_out", [False, True])
@pytest.mark.parametrize(
    "sign", [{"has_more": True}, {"has_more": "true"}, {"hasMore": 1}, {"paging": {"has_next_page": "Yes"}}]
)
def test_has_more_contradicts_an_empty_pointer_however_it_is_written(
    loopback: Loopback, sign: dict[str, Any], is_left_out: bool
) -> None:
    pages = Pointing(loopback, 25)

    def tell(body: dict[str, Any], headers: dict[str, str], after: str | None) -> None:
        body.update(sign)
        if body["data"][0]["id"] == 0:
            body["next"] = after
        elif not is_left_out:
            body["next"] = None

    pages.tell = tell
    with pytest.raises(IncompleteSlice, match="is empty after 2 pages, but the response has the field"):
        read_slice(loopback, CURSOR)


@pytest.mark.parametrize("field", ["next_page", "next", "page"])
def test_the_number_of_a_page_is_no_sign_of_more(loopback: Loopback, field: str) -> None:
    pages = Pointing(loopback, 10)
    pages.tell = lambda body, headers, after: body.update({"cursor": None, field: 1})
    ids, reading = read_ids(loopback, {"type": "cursor", "cursor_path": "cursor"})
    assert (len(ids), reading.confirmed_by) == (10, "end")


def test_a_short_page_of_an_unknown_size_loads_and_is_confirmed_by_nothing(loopback: Loopback) -> None:
    Pointing(loopback, 4)
    ids, reading = read_ids(loopback, CURSOR)
    assert (len(ids), reading.confirmed_by) == (4, "nothing")


def test_a_page_of_a_usual_size_without_a_pointer_fails_if_no_page_size_is_known(loopback: Loopback) -> None:
    Pointing(loopback, 25)
    with pytest.raises(IncompleteSlice, match="was found on no page, although the page has 10 records"):
        read_slice(loopback, CURSOR)


def test_has_more_without_a_pointer_fails(loopback: Loopback) -> None:
    pages = Pointing(loopback, 25)
    pages.tell = lambda body, headers, after: body.update(has_more=True)
    with pytest.raises(
        IncompleteSlice, match="has_more_path says that there are more records, but cursor_path next"
    ):
        read_slice(loopback, CURSOR | {"has_more_path": "has_more"})


@pytest.mark.parametrize("value", [{"href": "/x"}, ["a"], True])
def test_something_else_at_the_place_of_the_pointer_is_an_error(loopback: Loopback, value: Any) -> None:
    pages = Pointing(loopback, 25)
    pages.tell = lambda body, headers, after: body.update(next=value)
    with pytest.raises(
        ApiError, match=r"things: next_url_path next found (dict|list|bool); an address was expected"
    ):
        read_slice(loopback, {"type": "json_link", "next_url_path": "next"})
