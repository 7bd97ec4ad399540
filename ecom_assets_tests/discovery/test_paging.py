"""Discovery finds every kind of paging from an endpoint's answers, with few requests."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.endpoint_draft import EndpointDraft
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.support.servers.list_api import Listed
from ecom_assets_tests.support.servers.loopback import Loopback
from ecom_assets_tests.support.servers.loopback import api as api

THINGS = [{"id": number, "name": f"thing {number}"} for number in range(1, 308)]


def explored(
    api: Loopback, listed: Listed, *, most: int = 12, parameters: tuple[str, ...] = ()
) -> EndpointDraft:
    """Discover the list and return the draft of its endpoint."""
    found = discovered(api, listed, most=most, parameters=parameters).draft.tables[0].endpoint
    assert found is not None
    assert len(listed.seen) == found.requests <= most
    return found


def discovered(
    api: Loopback, listed: Listed, *, most: int = 12, parameters: tuple[str, ...] = ()
) -> Discovery:
    api.answering = listed
    options = DiscoveryOptions(
        "shop", api.base_url, endpoints=["/things"], max_requests=most, parameters=parameters
    )
    return discover(options)


@pytest.mark.parametrize(
    ("listed", "paginator", "params"),
    [
        (Listed(THINGS), {"type": "offset", "limit": 100}, {}),
        (
            Listed(THINGS, position="skip", size="take"),
            {"type": "offset", "offset_param": "skip", "limit_param": "take", "limit": 100},
            {},
        ),
        (
            Listed(THINGS, position="start", size=""),
            {"type": "offset", "offset_param": "start", "limit": 20},
            {},
        ),
        (
            Listed(THINGS, "page", "page", "per_page"),
            {"type": "page_number", "base_page": 1},
            {"per_page": 100},
        ),
        (
            Listed(THINGS, "page", "page", "pageSize", base_page=0),
            {"type": "page_number", "base_page": 0},
            {"pageSize": 100},
        ),
        (
            Listed(THINGS, "page", "pageNumber", "size"),
            {"type": "page_number", "base_page": 1, "page_param": "pageNumber"},
            {"size": 100},
        ),
        (Listed(THINGS, "page", "page", ""), {"type": "page_number", "base_page": 1}, {}),
        (
            Listed(THINGS, "page", "p", "", base_page=0),
            {"type": "page_number", "base_page": 0, "page_param": "p"},
            {},
        ),
        (
            Listed(THINGS, "next", "offset", "limit"),
            {"type": "json_link", "next_url_path": "next"},
            {"limit": 100},
        ),
        (Listed(THINGS, "link", "from", "per_page"), {"type": "header_link"}, {"per_page": 100}),
        (
            Listed(THINGS, "cursor", "cursor", "limit"),
            {"type": "cursor", "cursor_path": "meta.next_cursor", "cursor_param": "cursor"},
            {"limit": 100},
        ),
        (
            Listed(THINGS, "cursor", "page_token", "size"),
            {"type": "cursor", "cursor_path": "meta.next_cursor", "cursor_param": "page_token"},
            {"size": 100},
        ),
        (
            Listed(THINGS, "after", "starting_after", "limit"),
            {
                "type": "cursor",
                "cursor_path": "data[-1].id",
                "cursor_param": "starting_after",
                "has_more_path": "has_more",
            },
            {"limit": 100},
        ),
    ],
    ids=lambda value: f"{value.paging}-{value.position}-{value.size}" if isinstance(value, Listed) else "",
)
def test_the_kind_of_paging(
    api: Loopback, listed: Listed, paginator: dict[str, Any], params: dict[str, Any]
) -> None:
    found = explored(api, listed)
    assert found.paging.paginator == paginator
    assert found.paging.params == params
    assert found.total is not None
    assert found.total.value == {"total_path": "total"}
    assert len(found.records) > 20


@pytest.mark.parametrize("wrapped", ["", "data", "things", "result.items", "a.b.rows", "odd key.list-of"])
def test_where_the_list_is(api: Loopback, wrapped: str) -> None:
    found = explored(api, Listed(THINGS, wrapped=wrapped, total="header:X-Total-Count"))
    assert found.data_selector.value == {"": "$", "odd key.list-of": "'odd key'.'list-of'"}.get(
        wrapped, wrapped
    )
    assert found.total is not None
    assert found.total.value == {"total_header": "X-Total-Count"}


@pytest.mark.parametrize(
    ("largest", "over"), [(50, "refuse"), (30, "refuse"), (50, "cut"), (30, "cut"), (50, "usual")]
)
def test_the_largest_page(api: Loopback, largest: int, over: str) -> None:
    """A refusal usually names the largest size; a size that is silently reduced shows in the number of records."""
    found = explored(api, Listed(THINGS, largest=largest, over=over))
    assert found.paging.size == largest
    assert found.total is not None


def test_unknown_parameters_are_refused(api: Loopback) -> None:
    found = explored(api, Listed(THINGS, "page", "page", "per_page", strict=True))
    assert found.paging.paginator == {"type": "page_number", "base_page": 1}
    assert found.paging.params == {"per_page": 100}


def test_known_parameters_are_tried_alone(api: Loopback) -> None:
    listed = Listed(THINGS, "offset", "skip", "rows", strict=True)
    found = explored(api, listed, parameters=("skip", "rows"))
    assert found.paging.paginator["offset_param"] == "skip"
    assert {name for seen in listed.seen for name, _ in seen.query} == {"skip", "rows"}


def test_a_count_of_the_page_is_no_total(api: Loopback) -> None:
    class Counting(Listed):
        def _page(self, *args: Any) -> Any:
            reply = super()._page(*args)
            return reply.__class__(
                200,
                str(reply.body).replace('"data"', f'"count": {str(reply.body).count("name")}, "data"'),
                reply.headers,
            )

    found = explored(api, Counting(THINGS, total=""))
    assert found.total is None
    assert found.paging.paginator["type"] == "offset"


def test_a_total_that_is_not_true_is_left_out(api: Loopback) -> None:
    class Lying(Listed):
        def _page(self, *args: Any) -> Any:
            reply = super()._page(*args)
            return reply.__class__(
                200, str(reply.body).replace('"total": 307', '"total": 290'), reply.headers
            )

    found = explored(api, Lying(THINGS))
    assert found.total is None
    assert any("is no total" in note for note in found.notes)


@pytest.mark.parametrize("place", ["totalSize", "meta.total_size", "totalItems"])
def test_names_of_totals(api: Loopback, place: str) -> None:
    found = explored(api, Listed(THINGS, total=place))
    assert found.total is not None
    assert found.total.value == {"total_path": place}


def test_one_answer_with_all(api: Loopback) -> None:
    found = explored(api, Listed(THINGS[:30], "none"))
    assert found.paging.paginator == {"type": "single_page"}
    assert found.total is not None
    assert found.complete


def test_more_records_than_can_be_reached_are_noted(api: Loopback) -> None:
    found = explored(api, Listed(THINGS, "offset", "an_unusual_name", "another"))
    assert found.paging.paginator == {"type": "single_page"}
    assert any("says that there are more records" in note for note in found.notes)


def test_a_404_past_the_last_page_is_an_empty_page(api: Loopback) -> None:
    listed = Listed(THINGS, "page", "page", "per_page", total="", empty_status=404)
    assert explored(api, listed).actions == [{"status_code": 404, "action": "ignore"}]


@pytest.mark.parametrize("most", range(3, 12))
def test_few_requests_still_make_a_file(api: Loopback, most: int) -> None:
    """Unfinished steps are noted; the file loads all the same, which `discover` verifies."""
    assert explored(api, Listed(THINGS), most=most).requests <= most


def test_an_empty_list_and_no_list_are_one_line_each(api: Loopback) -> None:
    with pytest.raises(IngestError, match="/things: the list is empty"):
        discovered(api, Listed([]))
    with pytest.raises(
        IngestError, match="/things: no list of records in the answer, which is an object with odd"
    ):
        discovered(api, Listed([], wrapped="odd.deep.er.still", total=""))
