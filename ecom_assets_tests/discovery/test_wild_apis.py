"""Discovery finds the filters, totals, pages and keys of APIs that do not follow the usual ways."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.discovery.description.described_endpoint import DescribedEndpoint
from ecom_assets.discovery.discover import Discovery, DiscoveryOptions, discover
from ecom_assets.discovery.endpoint_draft import EndpointDraft
from ecom_assets.discovery.tables.naming import NamingRules
from ecom_assets.discovery.tables.primary_key import find_key
from ecom_assets.discovery.verification import load_text
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.discovery.test_time_filter import MOMENTS, things
from ecom_assets_tests.support.servers.list_api import Listed, refused
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api


def found_at(api: Loopback, answering: Any, **options: Any) -> Discovery:
    api.answering = answering
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=["/things"], **options))
    load_text(found.text, "shop")
    assert found.requests <= options.get("max_requests", 12)
    return found


def endpoint_at(api: Loopback, answering: Any, **options: Any) -> EndpointDraft:
    endpoint = found_at(api, answering, **options).draft.tables[0].endpoint
    assert endpoint is not None
    return endpoint


def filter_of(endpoint: EndpointDraft) -> tuple[Any, Any]:
    assert endpoint.time_filter is not None, endpoint.notes
    incremental = endpoint.time_filter.incremental
    return incremental["start_param"], incremental.get("end_param")


WILD = [
    ("updated_at:min", "updated_at:max"),
    ("min_updated_at", "max_updated_at"),
    ("q[updated_at_gteq]", "q[updated_at_lt]"),
    ("filter[updated_at_gteq]", "filter[updated_at_lteq]"),
    ("filter[updated_at][_gte]", "filter[updated_at][_lt]"),
    ("updated_at[$gte]", "updated_at[$lt]"),
    ("filters[updated_at][$gte]", "filters[updated_at][$lt]"),
    ("updated_at>", "updated_at<"),
    ("modified_after", "modified_before"),
    ("begin_time", "end_time"),
    ("if_modified_since", ""),
    ("min_last_modified", "max_last_modified"),
]
UPDATES = ("start_update_date", "end_update_date")


@pytest.mark.parametrize(("start", "end"), WILD)
def test_filters_of_the_wild_are_tried(api: Loopback, start: str, end: str) -> None:
    assert filter_of(endpoint_at(api, Listed(things(), start=start, end=end))) == (start, end or None)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("lastChangeFrom", "lastChangeTo", ""),
        ("window_start", "window_end", "Only records that were modified after this time."),
        ("search[updated_at_ge]", "search[updated_at_le]", ""),
    ],
)
def test_described_and_given_filters_are_used(api: Loopback, start: str, end: str, text: str) -> None:
    params = {
        "created_from": {"description": "Records created after this time."},
        "limit": {},
        "offset": {},
        start: {"description": text},
        end: {"description": text},
    }
    described = {"/things": DescribedEndpoint("/things", params=params)}
    listed = Listed(things(), start=start, end=end, strict=True)
    assert filter_of(endpoint_at(api, listed, described=described)) == (start, end)
    given = ["limit", "offset", "filter[updated_at][_gte]"]
    listed = Listed(things(), start="filter[updated_at][_gte]", strict=True)
    assert filter_of(endpoint_at(api, listed, parameters=given)) == ("filter[updated_at][_gte]", None)


@dataclass
class NoFuture(Listed):
    """Refuses times in the future."""

    def __call__(self, seen: Seen) -> Reply:
        text = dict(seen.query).get(self.start, "")
        if text > datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"):
            return refused(f"{self.start} must not be in the future")
        return super().__call__(seen)


def test_an_api_that_refuses_the_future_is_probed_in_the_past(api: Loopback) -> None:
    listed = NoFuture(things(), start="updated_at_min", end="updated_at_max")
    found = endpoint_at(api, listed)
    assert filter_of(found) == ("updated_at_min", "updated_at_max")
    assert found.time_filter is not None
    assert "in the minute before the request" in found.time_filter.evidence["start_param"]


@dataclass
class Conditions(Listed):
    """Takes each parameter that it does not know as a condition on a field, which no record fulfils."""

    def __call__(self, seen: Seen) -> Reply:
        known = {self.position, self.size, self.start, self.end}
        if set(dict(seen.query)) - known:
            return json_reply({"data": [], "total": 0})
        return super().__call__(seen)


def test_a_parameter_that_is_a_condition_is_no_filter(api: Loopback) -> None:
    assert endpoint_at(api, Conditions(things(), strict=False)).time_filter is None
    listed = Conditions(things(), start="updated_at_gte", end="updated_at_lt")
    known = ["limit", "offset", "updated_after", "updated_at_gte", "updated_at_lt"]
    assert filter_of(endpoint_at(api, listed, parameters=known, max_requests=20))[0] == "updated_at_gte"


@dataclass
class OnRequest(Listed):
    """Reports the total only where it is asked for."""

    asked: tuple[str, str] = ("meta", "filter_count")

    def __call__(self, seen: Seen) -> Reply:
        reply = super().__call__(seen)
        if dict(seen.query).get(self.asked[0]) == self.asked[1]:
            body = json.loads(reply.body)
            return json_reply({**body, "meta": {"total_count": len(self.records)}})
        return reply


@pytest.mark.parametrize("asked", [("meta", "filter_count"), ("include_totals", "true"), ("count", "1")])
def test_a_total_that_must_be_asked_for(api: Loopback, asked: tuple[str, str]) -> None:
    records = [{"id": number, "name": f"thing {number}"} for number in range(1, 308)]
    found = endpoint_at(api, OnRequest(records, total="", asked=asked))
    assert found.total is not None
    assert found.total.value == {"total_path": "meta.total_count"}
    assert found.params == {asked[0]: asked[1]}


def test_a_header_with_the_whole_next_address(api: Loopback) -> None:
    records = [{"id": number} for number in range(1, 308)]

    def answer(seen: Seen) -> Reply:
        number = int(dict(seen.query).get("page", "1"))
        reply = json_reply(records[(number - 1) * 100 : number * 100])
        reply.headers["Next-Page"] = f"{api.base_url}/things?page={number + 1}"
        return reply if number < 4 else replace(reply, headers={"Content-Type": "application/json"})

    found = endpoint_at(api, answer)
    assert found.paging.paginator == {"type": "page_number", "base_page": 1}


def test_a_strict_server_with_an_offset_of_another_name(api: Loopback) -> None:
    records = [{"id": number} for number in range(1, 60)]
    found = endpoint_at(
        api, Listed(records, position="skip", size="", strict=True, total=""), max_requests=15
    )
    paginator = {"type": "offset", "offset_param": "skip", "limit": 20, "send_limit": False}
    assert found.paging.paginator == paginator


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"objectId": ["aX1", "bY2"], "number": [1, 2]}, "objectId"),
        ({"number": [1, 2], "ref": ["5f2b6c1e9d3a4b0012345678", "5f2b6c1e9d3a4b0012345679"]}, "ref"),
        ({"quantity": [1, 2], "street": ["a", "b"], "line_uuid": ["c", "d"]}, "line_uuid"),
        ({"phone_number": ["1", "2"], "external_id": ["x", "y"]}, "external_id"),
    ],
)
def test_the_key_of_an_object_comes_before_a_number_that_people_edit(
    fields: dict[str, Any], key: str
) -> None:
    found = find_key({(name,): values for name, values in fields.items()}, "orders")
    assert found is not None
    assert found.value == [(key,)]


def test_only_key_and_cursor_are_required_unless_strict(api: Loopback) -> None:
    records = [{**thing, "name": "x"} for thing in things()]
    listed = Listed(records, start="updated_at_min", end="updated_at_max")
    for strict in (False, True):
        text = found_at(api, replace(listed, seen=[]), strict=strict).text
        columns = {
            column.name: column.nullable for column in load_text(text, "shop").resource("things").columns
        }
        assert columns == {"id": False, "updated_at": False, "name": not strict}


@pytest.mark.parametrize(
    ("path", "name"),
    [("customers/records", "customers"), ("/v1/orders/index.json", "orders"), ("/list", "list")],
)
def test_names_of_resources(path: str, name: str) -> None:
    assert NamingRules().resource(path, ()) == name


class NamingAll(Listed):
    """A list whose API refuses unknown parameters, and names all of them."""

    def __call__(self, seen: Seen) -> Reply:
        known = {self.position, self.size, self.start, self.end}
        unknown = [name for name, _ in seen.query if name not in known]
        return refused(f"not valid: {', '.join(unknown)}") if unknown else super().__call__(seen)


@pytest.mark.parametrize(("start", "end"), [*WILD[:3], *WILD[5:8], ("an_unusual_name", "another")])
def test_an_api_that_names_all_unknown_parameters_is_asked_once(api: Loopback, start: str, end: str) -> None:
    listed = NamingAll(things(), start=start, end=end, total="")
    endpoint = endpoint_at(api, listed)
    if start == "an_unusual_name":
        assert endpoint.time_filter is None
    else:
        assert filter_of(endpoint) == (start, end)
    assert endpoint.requests <= 12


@pytest.mark.parametrize(
    "given", [("max", "offset", "start_date", "end_date", *UPDATES), ()], ids=["named", "not named"]
)
def test_a_filter_by_creation_in_days_is_not_taken_for_the_other_one(
    api: Loopback, given: tuple[str, ...]
) -> None:
    """The oldest orders come first, and their days of creation and of change are much alike."""
    rows = [
        {**row, "created_at": (moment - timedelta(hours=number * 7 % 90)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        for number, (row, moment) in enumerate(zip(things(), MOMENTS, strict=True))
    ]
    rows.sort(key=lambda row: row["created_at"])

    def answer(seen: Seen) -> Reply:
        asked = dict(seen.query)
        found = rows
        for field, low, high in (("created_at", "start_date", "end_date"), ("updated_at", *UPDATES)):
            found = [row for row in found if asked.get(low, "") <= row[field] <= asked.get(high, "9")]
        begin, size = int(asked.get("offset", 0)), min(int(asked.get("max", 10)), 100)
        return json_reply({"orders": found[begin : begin + size], "total_count": len(found)})

    found = found_at(api, answer, parameters=given, max_requests=12 if given else 25)
    endpoint = found.draft.tables[0].endpoint
    assert endpoint is not None
    assert filter_of(endpoint) == UPDATES
    paginator = load_text(found.text, "shop").client.paginator
    assert paginator is not None
    if given:
        assert paginator["limit_param"] == "max"
    else:
        # the size of a page is not to be set by a parameter that nothing shows
        assert paginator["send_limit"] is False


@pytest.mark.parametrize("asked", ["/things", "/things/"])
def test_a_redirect_to_the_path_with_or_without_a_slash_is_followed_for_good(
    api: Loopback, asked: str
) -> None:
    """It drops the parameters, so that each page would be the first one."""
    served = {"/things": "/things/", "/things/": "/things"}[asked]

    def answer(seen: Seen) -> Reply:
        if seen.path != served:
            return Reply(301, "", {"Location": served})
        start = 10 * (int(dict(seen.query).get("page", 1)) - 1)
        return json_reply({"data": [{"id": number} for number in range(57)][start : start + 10], "total": 57})

    api.answering = answer
    found = discover(DiscoveryOptions("shop", api.base_url, endpoints=[asked]))
    endpoint = found.draft.tables[0].endpoint
    assert endpoint is not None
    assert (endpoint.path, endpoint.paging.paginator["type"]) == (served, "page_number")


def test_a_redirect_that_loses_a_search_is_no_list(api: Loopback) -> None:
    api.answering = lambda seen: (
        json_reply({"data": [{"id": 1}]})
        if seen.path == "/v2/things"
        else Reply(301, "", {"Location": "/v2/things"})
    )
    with pytest.raises(IngestError, match="redirects to another path and loses the body of the POST"):
        discover(DiscoveryOptions("shop", api.base_url, endpoints=['POST /things {"status": "any"}']))
