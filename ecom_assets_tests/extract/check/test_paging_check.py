"""`ecom-assets check` finds before any load what is wrong with the paging, and says what to declare."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets import rest_api_shop, run_load
from ecom_assets.extract.check.api_check import check
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

OFFSET = {"type": "offset", "limit": 10}
NUMBERS = {"type": "page_number", "base_page": 1}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}
SIZE = {"limit": "10"}


def findings(
    api: Loopback, paginator: Any, params: dict[str, str], count: int = 25, ignored: str = "", **body: Any
) -> dict[str, tuple[str, str]]:
    """Return the results by what was checked; `body` has functions of the page and the start of the next one."""

    def answer(seen: Seen) -> Reply:
        query = {name: value for name, value in seen.query if name != ignored}
        size = int(query.get("limit", 10))
        start = int(query.get("offset", query.get("after", (int(query.get("page", 1)) - 1) * size)))
        page = [{"id": number} for number in range(count)][start : start + size]
        following = start + size if start + size < count else None
        told = {name: tell(page, following) for name, tell in body.items()}
        return json_reply(
            {"data": page, **{name: value for name, value in told.items() if value is not None}}
        )

    api.answering = answer
    things = {
        "name": "things",
        "primary_key": "id",
        "endpoint": {"path": "things", "data_selector": "data", "params": params},
    }
    config = {"client": {"base_url": api.base_url, "paginator": paginator}, "resources": [things]}
    shop = rest_api_shop("acme", config, policy={"max_retries": 0})
    return {finding.what: (finding.result, finding.detail) for finding in check(shop)}


def of_the_page(page: list[Any], following: int | None) -> int:
    return len(page)


@pytest.mark.parametrize(("paginator", "params"), [(OFFSET, {}), (NUMBERS, SIZE), (CURSOR, SIZE)])
@pytest.mark.parametrize("count", [10, 25])
def test_a_total_of_the_page(api: Loopback, paginator: Any, params: dict[str, str], count: int) -> None:
    declared = paginator | {"total_path": "total"}
    found = findings(api, declared, params, count, total=of_the_page, next=lambda page, following: following)
    result, detail = found["total"]
    assert result == "failed"
    assert (
        "10 records if it is asked for 10, and 1 for 1: this is no total of the list. Declare another"
        in detail
    )


def test_a_total_of_the_page_where_no_page_size_is_known(api: Loopback) -> None:
    result, detail = findings(api, NUMBERS | {"total_path": "total"}, {}, total=of_the_page)["paging"]
    assert (result, "10 more came on page 2, so this is no total" in detail) == ("failed", True)


@pytest.mark.parametrize(("paginator", "params"), [(OFFSET, {}), (NUMBERS, {}), (CURSOR, SIZE)])
def test_a_true_total(api: Loopback, paginator: Any, params: dict[str, str]) -> None:
    for count in (1, 7, 10, 25):
        found = findings(
            api,
            paginator | {"total_path": "total"},
            params,
            count,
            total=lambda page, following, count=count: count,
            next=lambda page, following: following,
        )
        assert [entry for entry in found.values() if entry[0] == "failed"] == []


@pytest.mark.parametrize(("paginator", "ignored"), [(OFFSET, "offset"), (NUMBERS, "page"), (CURSOR, "after")])
def test_page_2_is_equal_to_page_1(api: Loopback, paginator: Any, ignored: str) -> None:
    found = findings(api, paginator, SIZE, ignored=ignored, next=lambda page, following: following)
    assert found["paging"][0] == "failed"
    assert found["paging"][1].startswith(
        "page 2 is equal to page 1, so the API ignores what the paginator sends"
    )


@pytest.mark.parametrize("params", [{}, SIZE])
@pytest.mark.parametrize(
    "paginator",
    [CURSOR, {"type": "json_link"}, {"type": "header_link"}, {"type": "header_cursor", "cursor_key": "X"}],
)
def test_a_pointer_that_is_on_no_page(api: Loopback, paginator: Any, params: dict[str, str]) -> None:
    result, detail = findings(api, paginator, params)["paging"]
    assert result == "failed"
    assert "was found on no page, although the page has 10 records" in detail
    assert "Declare the place of the pointer" in detail


def test_a_full_page_without_a_paginator(api: Loopback) -> None:
    result, detail = findings(api, "single_page", SIZE)["paging"]
    assert (result, "Declare the paginator" in detail) == ("failed", True)


def test_a_short_page_without_a_pointer_is_a_limit(api: Loopback) -> None:
    assert findings(api, CURSOR, {}, count=4)["paging"][0] == "limit"
    assert "paging" not in findings(api, CURSOR, SIZE, count=4)


@pytest.mark.parametrize(
    ("paginator", "params", "confirmed_by"),
    [
        ("single_page", {}, "nothing"),
        ("single_page", {"limit": "5"}, "end"),
        ({"type": "single_page", "total_path": "total"}, {}, "total"),
        (CURSOR, {}, "nothing"),
        (NUMBERS, {}, "end"),
    ],
)
def test_a_load_reports_what_confirms_the_end(
    api: Loopback, paginator: Any, params: Any, confirmed_by: str
) -> None:
    def answer(seen: Seen) -> Reply:
        rows = [] if dict(seen.query).get("page", "1") != "1" else [{"id": number} for number in range(4)]
        return json_reply({"data": rows, "total": 4})

    api.answering = answer
    things = {
        "name": "things",
        "primary_key": "id",
        "endpoint": {"path": "things", "data_selector": "data", "params": params},
    }
    config = {"client": {"base_url": api.base_url, "paginator": paginator}, "resources": [things]}
    report = run_load(rest_api_shop("acme", config), ["things"]).resources["things"]
    assert report.error is None
    assert report.windows[0].confirmed_by == confirmed_by


@pytest.mark.parametrize(("key", "confirmed_by"), [(["order_id"], "end"), (["order_id", "id"], "nothing")])
def test_a_child_with_the_key_of_its_parent_is_one_record(
    api: Loopback, key: list[str], confirmed_by: str
) -> None:
    api.answering = lambda seen: json_reply([{"id": 1}])
    orders = {"name": "orders", "primary_key": "id", "endpoint": {"path": "orders", "params": {"limit": "5"}}}
    notes = {
        "name": "notes",
        "primary_key": key,
        "endpoint": "orders/{resources.orders.id}/notes",
        "include_from_parent": ["id"],
        "columns": {
            "order_id": {"data_type": "bigint", "nullable": False, "path": "_orders_id"},
            "id": {"data_type": "bigint", "nullable": False},
        },
    }
    config = {"client": {"base_url": api.base_url, "paginator": "single_page"}, "resources": [orders, notes]}
    report = run_load(rest_api_shop("acme", config), ["orders", "notes"])
    assert report.errors == {}
    confirmed = {name: table.windows[0].confirmed_by for name, table in report.resources.items()}
    assert confirmed == {"orders": "end", "notes": confirmed_by}


@pytest.mark.parametrize("base", [0, 1])
def test_pages_that_the_api_counts_from_another_number(api: Loopback, base: int) -> None:
    def answer(seen: Seen) -> Reply:
        number = max(int(dict(seen.query)["page"]) - base, 0)
        return json_reply({"data": [{"id": entry} for entry in range(25)][10 * number :][:10]})

    api.answering = answer
    things = {"name": "things", "primary_key": "id", "endpoint": {"path": "things", "data_selector": "data"}}
    config = {"client": {"base_url": api.base_url, "paginator": NUMBERS}, "resources": [things]}
    shop = rest_api_shop("acme", config, policy={"max_retries": 0})
    found = [entry.detail for entry in check(shop) if entry.what == "paging" and entry.result == "failed"]
    advice = ["so the API counts pages from 0, and no load would read them: declare base_page: 0"]
    assert [text[text.index("so the API") :] for text in found] == ([] if base else advice)


@pytest.mark.parametrize(
    ("meta", "sign"),
    [({"total": 120}, "meta.total: 120"), ({"next_page": 2}, "meta.next_page"), ({"total": 2}, "")],
)
def test_a_single_page_that_tells_of_more(api: Loopback, meta: Any, sign: str) -> None:
    api.answering = lambda seen: json_reply({"data": [{"id": 1}, {"id": 2}], "meta": meta})
    things = {"name": "things", "primary_key": "id", "endpoint": {"path": "things", "data_selector": "data"}}
    config = {"client": {"base_url": api.base_url, "paginator": "single_page"}, "resources": [things]}
    found = [entry for entry in check(rest_api_shop("acme", config)) if entry.what == "paging"]
    assert [entry.result for entry in found] == (["limit"] if sign else [])
    assert all(f"the response has the field {sign}" in entry.detail for entry in found)


@pytest.mark.parametrize(
    "beside", [{"has_more": True}, {"page_info": {"hasNextPage": True}}, {"total_pages": 3}]
)
def test_an_empty_pointer_that_something_contradicts(api: Loopback, beside: dict[str, Any]) -> None:
    """A flag or a number of pages beside an empty cursor: one of the two is wrong."""
    body: dict[str, Any] = {"data": [{"id": number} for number in range(7)], "next": None}
    things = {"name": "things", "primary_key": "id", "endpoint": {"path": "things", "data_selector": "data"}}
    config = {"client": {"base_url": api.base_url, "paginator": CURSOR}, "resources": [things]}
    shop = rest_api_shop("acme", config, policy={"max_retries": 0})
    api.answering = lambda seen: json_reply({**body, **beside})
    assert "the pointer at cursor_path next is empty after 1 pages, but the response has the field" in str(
        run_load(shop, ["things"]).errors["things"]
    )
    api.answering = lambda seen: json_reply({**body, "has_more": False, "total_pages": 1})
    assert run_load(shop, ["things"]).errors == {}
