"""Discovery of collections that are searched by POST, and of windows in placeholders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml

from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.endpoint_argument import parse_endpoint, split_endpoints
from ecom_assets.discovery.exploration.cursors import find_cursors
from ecom_assets.foundation.errors import IngestError
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply, serving

FIRST = datetime(2026, 3, 1, tzinfo=timezone.utc)
MOMENTS = [FIRST + timedelta(hours=7 * number) for number in range(30)]
WINDOW = '{"since": "{incremental.start_value}", "until": "{incremental.end_value}", "from": 0, "size": 4}'


def rows_of(write: Callable[[datetime], Any]) -> list[dict[str, Any]]:
    return [{"id": number, "updated_at": write(moment)} for number, moment in enumerate(MOMENTS, 1)]


def declared(endpoint: str, answer: Callable[[Seen], Reply]) -> tuple[dict[str, Any], str, int]:
    """Return the one resource that is found, the file's text and the number of requests."""
    with serving() as loopback:
        loopback.answering = answer
        text = discover(DiscoveryOptions("shop", loopback.base_url, (), [endpoint])).text
        return yaml.safe_load(text)["resources"][0], text, len(loopback.seen)


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("form", "write", "kind"), [("unix", unix, int), ("iso8601", iso, str)])
def test_the_format_of_a_window_in_a_body_is_found(
    form: str, write: Callable[[datetime], Any], kind: type
) -> None:
    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        if type(body["since"]) is not kind or type(body["until"]) is not kind:
            return json_reply({"error": "since, until"}, 422)
        # both ends are included
        found = [row for row in rows_of(write) if body["since"] <= row["updated_at"] <= body["until"]]
        return json_reply({"data": found[body["from"] :][: body["size"]], "total": len(found)})

    resource, text, requests = declared(f"POST /search/orders {WINDOW}", answer)
    endpoint = resource["endpoint"]
    assert endpoint["method"] == "POST"
    # what the paginator puts in is not written twice
    assert endpoint["json"] == {"since": "{incremental.start_value}", "until": "{incremental.end_value}"}
    assert endpoint["incremental"] == {"cursor_path": "updated_at", "format": form, "bounds": "[]"}
    paginator = yaml.safe_load(text)["client"]["paginator"]
    assert paginator == {
        "type": "offset",
        "limit": 100,
        "total_path": "total",
        "offset_body_path": "from",
        "limit_body_path": "size",
    }
    assert yaml.safe_load(text)["partitions"]["start"] == "2026-03-01"
    assert requests <= 12


def test_a_window_that_is_not_kept_is_refused_in_a_line() -> None:
    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        return json_reply({"data": rows_of(iso)[body["from"] :][: body["size"]]})

    with pytest.raises(IngestError, match="the API ignores the window: records came for the year 2090"):
        declared(f"POST /search/orders {WINDOW}", answer)


def test_a_window_in_an_expression_of_a_parameter_is_found() -> None:
    search = "updated_at>={incremental.start_value} AND updated_at<{incremental.end_value}"

    def answer(seen: Seen) -> Reply:
        low, high = (part.split(">=")[-1].split("<")[-1] for part in dict(seen.query)["q"].split(" AND "))
        return json_reply({"data": [row for row in rows_of(iso) if low <= row["updated_at"] < high]})

    resource, _, _ = declared(f"/orders?q={search}", answer)
    assert resource["endpoint"]["params"] == {"q": search}
    assert resource["endpoint"]["incremental"] == {
        "cursor_path": "updated_at",
        "format": "iso8601",
        "bounds": "[)",
    }


START, END = "{incremental.start_value}", "{incremental.end_value}"


@pytest.mark.parametrize(
    ("field", "endpoint"),
    [
        ("at", f"/orders?filter[at]=[{START},{END}]&sort=id"),
        ("timeStamp", f"/orders?timeStamp=><,{START},{END}"),
        (
            "SyncStamp",
            f"/orders?q=SELECT id, placed FROM orders WHERE SyncStamp >= {START} AND SyncStamp < {END}",
        ),
        ("placed", f"/orders?q=SELECT id, updated FROM orders WHERE placed >= {START} AND placed < {END}"),
        (
            "seen",
            f"/orders?group[0][field]=seen&group[0][value]={START}&group[1][field]=seen&group[1][value]={END}",
        ),
        ("seen", f'POST /orders {{"domain": [["seen", ">=", "{START}"], ["seen", "<", "{END}"]]}}'),
    ],
)
def test_the_field_that_a_request_names_beside_its_placeholders_is_the_cursor(
    field: str, endpoint: str
) -> None:
    def answer(seen: Seen) -> Reply:
        text = " ".join([*(value for _, value in seen.query), seen.body])
        low, high = re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", text)
        rows = [
            {"id": number, "placed": iso(moment + AGO), "updated": iso(moment - AGO), field: iso(moment)}
            for number, moment in enumerate(MOMENTS, 1)
        ]
        return json_reply({"data": [row for row in rows if low <= str(row[field]) < high]})

    resource, _, _ = declared(endpoint, answer)
    assert resource["endpoint"]["incremental"]["cursor_path"] == field


AGO = timedelta(hours=40)


@pytest.mark.parametrize("name", ["date_upd", "SystemModstamp", "write_date", "updateDate"])
def test_other_names_of_a_last_change_are_known(name: str) -> None:
    assert [cursor.name for cursor in find_cursors([{"id": 1, name: iso(FIRST)}])] == [name]


def test_a_window_that_may_not_end_in_the_future_is_found() -> None:
    def answer(seen: Seen) -> Reply:
        asked = dict(seen.query)
        if any(text > iso(datetime.now(timezone.utc) - timedelta(minutes=2)) for text in asked.values()):
            return json_reply({"error": "since, until: must be before now minus two minutes"}, 400)
        found = [row for row in rows_of(iso) if asked["since"] <= row["updated_at"] < asked["until"]]
        return json_reply({"data": found})

    resource, text, _ = declared(f"/orders?since={START}&until={END}", answer)
    assert resource["endpoint"]["incremental"] == {
        "cursor_path": "updated_at",
        "format": "iso8601",
        "bounds": "[)",
    }
    assert "one in the year 1985 none" in text


def test_an_error_in_a_successful_answer_is_a_wrong_format() -> None:
    def answer(seen: Seen) -> Reply:
        asked = dict(seen.query)
        try:
            low, high = (datetime.strptime(asked[name], "%Y-%m-%d %H:%M:%S") for name in ("since", "until"))
        except ValueError:
            return json_reply({"id": 1, "error": {"code": 200, "message": "bad time"}})
        found = [row for row in rows_of(iso) if low <= datetime.fromisoformat(row["updated_at"][:19]) < high]
        return json_reply({"id": 1, "result": found})

    resource, _, _ = declared(f"/orders?since={START}&until={END}", answer)
    assert resource["endpoint"]["incremental"]["format"] == "%Y-%m-%d %H:%M:%S"


def test_the_size_of_a_page_is_found_although_many_formats_were_tried() -> None:
    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        try:
            low, high = (datetime.strptime(body[name], "%Y-%m-%d %H:%M:%S") for name in ("since", "until"))
        except (ValueError, TypeError):
            return json_reply({"error": "bad time"}, 422)
        found = [row for row in rows_of(iso) if low <= datetime.fromisoformat(row["updated_at"][:19]) < high]
        return json_reply({"data": found[body["from"] :][: body["size"]]})

    resource, text, _ = declared(f"POST /search/orders {WINDOW}", answer)
    assert resource["endpoint"]["incremental"]["format"] == "%Y-%m-%d %H:%M:%S"
    assert yaml.safe_load(text)["client"]["paginator"]["limit_body_path"] == "size"


def test_a_search_without_a_placeholder_is_a_snapshot() -> None:
    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        assert set(body) <= {"filter", "page", "per_page"}
        begin = (body["page"] - 1) * body["per_page"]
        return json_reply({"data": rows_of(iso)[begin : begin + body["per_page"]], "total": 30})

    resource, text, requests = declared(
        'POST /search/orders {"filter": {}, "page": 1, "per_page": 5}', answer
    )
    assert resource["endpoint"]["json"] == {"filter": {}, "per_page": 100}
    assert "incremental" not in resource["endpoint"]
    assert "the body of the request has no placeholder for a window" in text
    assert yaml.safe_load(text)["client"]["paginator"] == {
        "type": "page_number",
        "base_page": 1,
        "total_path": "total",
        "page_body_path": "page",
    }
    assert requests <= 12


@pytest.mark.parametrize("is_strict", [True, False])
def test_fields_for_paging_are_tried_in_a_body_that_has_none(is_strict: bool) -> None:
    """Without a page size, such an API sends one page, and counts the records of that page alone."""

    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        unknown = sorted(set(body) - {"filter", "page", "limit"})
        if unknown and is_strict:
            return json_reply({"error": f"unknown field: {unknown[0]}"}, 400)
        limit, page = body.get("limit", 20), body.get("page", 1)
        found = rows_of(iso)[(page - 1) * limit :][: min(limit, 20)]
        return json_reply({"total": len(found), "data": found})

    resource, text, requests = declared('POST /search/orders {"filter": {}}', answer)
    paginator = yaml.safe_load(text)["client"]["paginator"]
    assert paginator == {"type": "page_number", "base_page": 1, "page_body_path": "page"}
    assert resource["endpoint"]["json"] == {"filter": {}, "limit": 20}
    assert requests <= 12


def test_endpoints_are_listed_with_commas_but_not_within_a_body() -> None:
    assert split_endpoints('orders, POST /search {"a": {"b": 1}, "c": [1, 2]}, /customers,') == [
        "orders",
        'POST /search {"a": {"b": 1}, "c": [1, 2]}',
        "/customers",
    ]


def test_a_brace_written_twice_is_one_in_the_request_and_stays_twice_in_the_file() -> None:
    def answer(seen: Seen) -> Reply:
        assert json.loads(seen.body)["query"] == "{ orders { id } }"
        return json_reply({"data": rows_of(iso)})

    resource, _, _ = declared('POST /graph {"query": "{{ orders {{ id }} }}"}', answer)
    assert resource["endpoint"]["json"] == {"query": "{{ orders {{ id }} }}"}


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("/orders/{id}/refunds", "found {id}; allowed: {resources.<parent>.<field>}"),
        ('POST /graph {"query": "{ orders }"}', "found other text in braces; allowed: "),
        ("/a/{resources.a.id}/{resources.b.id}", "found fields of a together with fields of b; allowed: "),
        (
            "/a/{resources.a.id}?since={incremental.start_value}",
            "found fields of a together with a window; allowed: ",
        ),
    ],
)
def test_what_nothing_can_fill_is_refused_in_a_line(endpoint: str, found: str) -> None:
    with pytest.raises(IngestError) as refused:
        parse_endpoint(endpoint)
    assert found in str(refused.value)
