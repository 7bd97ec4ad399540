"""`ecom-assets check` calls nothing good that it did not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ecom_assets import rest_api_shop
from ecom_assets.extract.check.api_check import Finding, check
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import no_waits as no_waits

OFFSET = {"type": "offset", "limit": 10, "total_path": "total"}
ORDERS: dict[str, Any] = {
    "name": "orders",
    "primary_key": "id",
    "endpoint": {"path": "orders", "data_selector": "data"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}},
}
LINES = {
    "name": "lines",
    "primary_key": ["id"],
    "rows_from": {"resource": "orders", "path": "lines"},
    "columns": {"id": {"data_type": "bigint", "nullable": False}},
}
NOTES = {
    "name": "notes",
    "primary_key": ["order_id", "id"],
    "endpoint": {"path": "orders/{resources.orders.id}/notes", "data_selector": "data"},
    "include_from_parent": ["id"],
    "columns": {
        "order_id": {"data_type": "bigint", "nullable": False, "path": "_orders_id"},
        "id": {"data_type": "bigint", "nullable": False},
    },
}


def findings(
    api: Loopback, answer: Callable[[Seen], Reply], *resources: dict[str, Any], paginator: Any = OFFSET
) -> list[Finding]:
    """Return the findings of a shop whose API answers like this."""
    api.answering = answer
    config = {"client": {"base_url": api.base_url, "paginator": paginator}, "resources": list(resources)}
    return list(check(rest_api_shop("acme", config, policy={"max_retries": 0})))


def good(found: list[Finding], resource: str) -> set[str]:
    """Return what was called good of a resource."""
    return {finding.what for finding in found if finding.resource == resource and finding.result == "ok"}


def result(found: list[Finding], resource: str, what: str) -> tuple[str, str]:
    """Return one result and its detail."""
    (finding,) = (entry for entry in found if (entry.resource, entry.what) == (resource, what))
    return finding.result, finding.detail


def in_pages(seen: Seen, rows: list[Any], **body: Any) -> Reply:
    """Return the rows that a request by offset asks for."""
    query = dict(seen.query)
    start = int(query.get("offset", 0))
    return json_reply({"data": rows[start : start + int(query.get("limit", 10))], **body})


@pytest.mark.parametrize("status", [404, 500, 403])
def test_an_endpoint_that_was_not_reached(api: Loopback, status: int) -> None:
    found = findings(api, lambda seen: Reply(status, b"{}"), ORDERS, LINES, NOTES)
    assert [good(found, name) for name in ("orders", "lines", "notes")] == [set(), set(), set()]
    assert result(found, "orders", "reached")[0] == "failed"
    assert result(found, "notes", "reached")[0] == "failed"
    for name in ("orders", "lines", "notes"):
        verdict, detail = result(found, name, "promise")
        assert verdict == "skipped"
        assert "was not confirmed: the list of the endpoint was not seen" in detail
    assert not [finding for finding in found if "proved" in finding.detail]


def test_a_child_whose_parent_has_no_record(api: Loopback) -> None:
    """No request was sent, so nothing is known: no order, no total, no contract."""
    found = findings(api, lambda seen: json_reply({"data": [], "total": 0}), ORDERS, NOTES)
    assert good(found, "notes") == set()
    assert result(found, "notes", "reached") == (
        "skipped",
        "no record of orders was seen that leads to a list, so nothing was asked for",
    )
    assert result(found, "notes", "total") == ("skipped", "no total came, as no list was asked for")
    assert result(found, "notes", "contract") == ("skipped", "no record was seen")
    assert good(found, "orders") == {"reached", "total", "promise"}, (
        "its list is empty, and the total says so"
    )


def test_a_child_whose_lists_are_empty(api: Loopback) -> None:
    def answer(seen: Seen) -> Reply:
        return in_pages(seen, [] if "notes" in seen.path else [{"id": n} for n in range(3)], total=3)

    found = findings(api, answer, ORDERS, NOTES)
    assert good(found, "notes") == {"reached"}
    assert (
        result(found, "notes", "reached")[1] == "0 records: the lists of all 3 parent records tried are empty"
    )


def test_a_nested_list_that_is_empty_everywhere(api: Loopback) -> None:
    rows = [{"id": number, "lines": []} for number in range(3)]
    found = findings(api, lambda seen: in_pages(seen, rows, total=3), ORDERS, LINES)
    assert result(found, "lines", "contract") == ("skipped", "no record was seen")
    assert result(found, "orders", "contract")[0] == "ok"


def test_an_answer_that_is_ignored_has_no_total(api: Loopback) -> None:
    """An empty list of status 204 was reached, and says nothing else."""
    endpoint = {**ORDERS["endpoint"], "response_actions": [{"status_code": 204, "action": "ignore"}]}
    found = findings(api, lambda seen: Reply(204, b""), {**ORDERS, "endpoint": endpoint})
    assert good(found, "orders") == {"reached"}
    assert result(found, "orders", "total") == ("skipped", "no total came with the first page")


@pytest.mark.parametrize("total", [{}, {"total": None}, {"meta": {"total": 3}}])
def test_a_total_that_was_not_found(api: Loopback, total: dict[str, Any]) -> None:
    found = findings(api, lambda seen: in_pages(seen, [{"id": 1}, {"id": 2}], **total), ORDERS)
    assert good(found, "orders") == set()
    assert "total_path total" in result(found, "orders", "reached")[1]


def test_a_range_without_a_total(api: Loopback) -> None:
    """The header may leave the total out, so a promise that rests on it does not hold."""

    def answer(seen: Seen) -> Reply:
        return Reply(200, b'{"data": [{"id": 1}, {"id": 2}]}', {"Content-Range": "items 0-1/*"})

    paginator = {"type": "range", "limit": 10}
    found = findings(api, answer, ORDERS, paginator=paginator)
    assert result(found, "orders", "total")[0] == "skipped"
    assert result(found, "orders", "promise")[0] == "skipped"


NUMBERS = {"type": "page_number", "base_page": 1, "total_path": None}


@pytest.mark.parametrize(
    ("second", "total", "expected"),
    [
        ([1, 2, 3], 6, "page 2 is equal to page 1"),
        ([3, 1, 2], 6, "page 2 has 3 records, and page 1 has all of them, too"),
        ([2, 3], 6, "page 2 has 2 records, and page 1 has all of them, too"),
        ([], 6, "the API says it has 6 records, 3 came, and page 2 is empty"),
        ([4, 5, 6], 6, None),
        ([3, 4, 5], 5, None),
    ],
)
@pytest.mark.parametrize("has_total", [True, False])
def test_what_page_2_has(
    api: Loopback, second: list[int], total: int, expected: str | None, has_total: bool
) -> None:
    """Page 2 is asked for, and must bring something new."""

    def answer(seen: Seen) -> Reply:
        page = dict(seen.query)["page"]
        ids = {"1": [1, 2, 3], "2": second}.get(page, [])
        return json_reply({"data": [{"id": number} for number in ids], "total": total})

    paginator = {**NUMBERS, "total_path": "total" if has_total else None}
    found = findings(api, answer, ORDERS, paginator=paginator)
    assert [dict(seen.query)["page"] for seen in api.seen].count("2") == 1
    failed = [entry.detail for entry in found if entry.what == "paging" and entry.result == "failed"]
    if expected is None or (second == [] and not has_total):
        assert failed == []
        assert not has_total or "promise" in good(found, "orders")
    else:
        assert failed[0].startswith(expected)
        assert "promise" not in good(found, "orders")


def test_one_record_has_no_order(api: Loopback) -> None:
    found = findings(api, lambda seen: in_pages(seen, [{"id": 1}], total=1), ORDERS)
    assert result(found, "orders", "order") == ("skipped", "there are too few records to tell")
    assert good(found, "orders") == {"reached", "total", "contract", "promise"}


def test_a_window_of_an_api_without_a_record(api: Loopback) -> None:
    """An empty window tells of a filter only where there are records without it."""
    incremental = {"cursor_path": "at", "start_param": "since", "end_param": "until"}
    orders = {
        **ORDERS,
        "endpoint": {**ORDERS["endpoint"], "incremental": incremental},
        "columns": {**ORDERS["columns"], "at": {"data_type": "timestamp"}},
    }
    api.answering = lambda seen: json_reply({"data": [], "total": 0})
    config = {"client": {"base_url": api.base_url, "paginator": OFFSET}, "resources": [orders]}
    shop = rest_api_shop("acme", config, partitions={"every": "day", "start": "2026-01-01"})
    verdict, detail = result(list(check(shop)), "orders", "window")
    assert (verdict, "and none without it, so nothing tells the filter" in detail) == ("skipped", True)
