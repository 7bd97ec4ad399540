"""Answers without a declared `data_selector` or `paginator`: what dlt detects is taken if the records prove it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets import rest_api_shop
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.paging.record_detection import RecordDetection
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.warehouses.engines import Place

TWO = [{"id": 1}, {"id": 2}]


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Return an empty place with the shop's dataset."""
    return replace(new_place(), dataset="acme")


def shop_of(base_url: str = "https://api.example.com", client: Any = None, **resource: Any) -> Shop:
    """Return a shop with the snapshot orders."""
    return rest_api_shop(
        "acme",
        {
            "client": {"base_url": base_url, **(client or {})},
            "resources": [{"name": "orders", "primary_key": "id", **resource}],
        },
        policy={"max_retries": 0},
    )


def detection(**resource: Any) -> RecordDetection:
    """Return the detection of orders."""
    return RecordDetection(shop_of(**resource).resource("orders"))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (TWO, ()),
        ({"data": TWO, "total": 2}, ("data",)),
        ({"result": {"orders": TWO}, "tags": ["a"]}, ("result", "orders")),
        ({"whatever": TWO, "warnings": []}, ("whatever",)),
        # dlt takes the first list, which is empty
        ({"errors": [], "orders": TWO}, ("orders",)),
        ({"facets": TWO, "orders": [{"id": 3}]}, ("orders",)),
        ({"data": [], "total": 0}, ("data",)),
        ({"Orders": []}, ("Orders",)),
        ({"id": 1, "status": "open"}, ()),
        # dlt takes the lines of one order
        ({"id": 1, "lines": [{"id": 7}], "tags": ["a"]}, ()),
        ({"ID": 1, "buyer": {"name": "A"}}, ()),
    ],
)
def test_records_are_found_where_they_have_the_primary_key(body: Any, path: tuple[str, ...]) -> None:
    found = detection()
    assert found.path_in(body) == path
    rows = found.records_at(path, body)
    assert rows == (body if isinstance(body, list) else [body] if not path else rows)
    assert isinstance(rows, list)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"error": "quota"},
            "the keys error; declare which of them holds the records with data_selector, $ if",
        ),
        ({"errors": [{"code": 7}]}, "no list in it has a usual name, or records with the primary key"),
        ({"warnings": [], "data": None}, "no list in it has a usual name"),
        ({"data": ["a", "b"]}, "no list in it has a usual name, or records"),
        ({"id": 5, "items": [{"id": 1}]}, "the records may be items and $"),
        ({"buyers": TWO, "sellers": TWO}, "the records may be buyers and sellers"),
        ({"items": TWO, "orders": TWO}, "the records may be items and orders"),
        ({"meta": {"links": TWO}}, "no list in it has a usual name"),
    ],
)
def test_a_guess_that_nothing_proves_is_refused(body: Any, message: str) -> None:
    with pytest.raises(ApiError, match=re.escape(message)):
        detection().path_in(body)


def test_another_page_must_have_its_records_in_the_same_place() -> None:
    with pytest.raises(ApiError, match="first page were in data, where another page has nothing"):
        detection().records_at(("data",), {"suggestions": TWO})


@pytest.mark.parametrize(
    "resource",
    [
        {"endpoint": {"data_selector": "$"}},
        {"endpoint": {"path": "buyers/{resources.buyers.id}", "paginator": "single_page"}},
    ],
)
def test_the_whole_answer_is_one_record_with_lists(resource: Any) -> None:
    """`$` says so, and so does a path that ends in a placeholder, as in dlt."""
    buyers = {"name": "buyers", "primary_key": "id"}
    config: Any = {
        "client": {"base_url": "https://api.example.com"},
        "resources": [buyers, {"name": "orders", "primary_key": "id", **resource}],
    }
    found = RecordDetection(rest_api_shop("acme", config).resource("orders"))
    body = {"id": 1, "items": TWO}
    assert found.path_in(body) == ()
    assert found.records_at((), body) == [body]
    with pytest.raises(ApiError, match="it has no id of its own, so it is no record"):
        found.path_in({"error": "no"})


def test_steps_that_may_make_the_key_leave_only_usual_names() -> None:
    steps = [{"map": lambda record: {**record, "id": record["no"]}}]
    assert detection(processing_steps=steps).path_in({"data": [{"no": 1}]}) == ("data",)
    with pytest.raises(ApiError, match="no list in it has a usual name"):
        detection(processing_steps=steps).path_in({"whatever": [{"no": 1}]})


def test_an_answer_that_is_one_object_is_one_row(api: Loopback, place: Place) -> None:
    api.replies = [json_reply({"id": 7, "name": "main", "hours": ["9", "17"]})]
    shop = shop_of(api.base_url)
    assert run_load(shop, ["orders"], warehouse=place.warehouse()).errors == {}
    assert place.rows("select id, name from orders") == [(7, "main")]
    assert {entry.result for entry in check(shop) if entry.what in ("reached", "contract")} == {"ok"}


def test_an_error_object_leaves_the_table_as_it_was(api: Loopback, place: Place) -> None:
    api.replies = [json_reply({"data": TWO}), json_reply({"data": TWO}), json_reply({"error": "quota"})]
    shop = shop_of(api.base_url)
    assert run_load(shop, ["orders"], warehouse=place.warehouse()).errors == {}
    report = run_load(shop, ["orders"], warehouse=place.warehouse())
    assert "an object with the keys error" in str(report.errors["orders"])
    assert place.rows("select id from orders order by 1") == [(1,), (2,)]


def _by_link(seen: Seen) -> Reply:
    page = int(dict(seen.query).get("page", 1))
    link = f'</orders?page={page + 1}>; rel="next"' if page < 3 else ""
    return json_reply([{"id": page}], link=link)


def _by_address(seen: Seen) -> Reply:
    page = int(dict(seen.query).get("page", 1))
    following = f"/orders?page={page + 1}" if page < 3 else None
    return json_reply({"results": [{"id": page}], "links": {"next": following}})


def _by_cursor(seen: Seen) -> Reply:
    page = int(dict(seen.query).get("cursor", 1))
    return json_reply({"orders": [{"id": page}], "meta": {"next_cursor": page + 1 if page < 3 else None}})


@pytest.mark.parametrize("answer", [_by_link, _by_address, _by_cursor])
@pytest.mark.parametrize("client", [{}, {"paginator": "auto"}, {"paginator": {"type": "auto"}}])
def test_pages_are_followed_as_dlt_detects_them(
    answer: Callable[[Seen], Reply], client: Any, api: Loopback, place: Place
) -> None:
    api.answering = answer
    report = run_load(shop_of(api.base_url, client), ["orders"], warehouse=place.warehouse())
    assert report.errors == {}
    assert place.rows("select id from orders order by 1") == [(1,), (2,), (3,)]
    (paging,) = (entry for entry in check(shop_of(api.base_url, client)) if entry.what == "paging")
    assert paging.result == "skipped"


def test_a_cursor_that_the_api_ignores_fails_with_the_paginator_to_declare(
    api: Loopback, place: Place
) -> None:
    api.replies = [json_reply({"data": TWO, "next_page": 2})]
    report = run_load(shop_of(api.base_url), ["orders"], warehouse=place.warehouse())
    assert "the API repeats a page" in str(report.errors["orders"])
    assert "Declare paginator: {type: cursor, cursor_path: next_page}" in str(report.errors["orders"])
