"""Nested lists that are paged themselves fail where that is declared, and are told of where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

LINES = [{"no": number} for number in range(10)]


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with serving() as running:
        yield running


def shop_with(loopback: Loopback, record: dict[str, Any], **rows_from: str) -> Shop:
    loopback.replies = [json_reply([{"id": 1, **record}])]
    lines = {
        "name": "lines",
        "primary_key": ["_orders_id", "no"],
        "include_from_parent": ["id"],
        "rows_from": {"resource": "orders", **rows_from},
    }
    orders = {"name": "orders", "primary_key": "id", "endpoint": {"path": "orders"}}
    client = {"base_url": loopback.base_url, "paginator": "single_page"}
    return Shop.model_validate({"name": "testshop", "client": client, "resources": [orders, lines]})


@pytest.mark.parametrize(
    ("record", "path", "place_of_rest"),
    [
        ({"lines": {"data": LINES, "has_more": True, "total_count": 14}}, "lines.data", "lines.has_more"),
        ({"lines": {"data": LINES, "total_count": "14"}}, "lines.data", "lines.total_count"),
        (
            {"lines": {"nodes": LINES, "pageInfo": {"hasNextPage": True}}},
            "lines.nodes",
            "lines.pageInfo.hasNextPage",
        ),
        ({"lines": LINES, "lines_count": 14, "total": 99}, "lines", "lines_count"),
        ({"lines": {"data": LINES, "next": "/orders/1/lines?page=2"}}, "lines.data", "lines.next"),
        (
            {"lines": {"nodes": LINES, "_links": {"next": {"href": "/lines?page=2"}}}},
            "lines.nodes",
            "lines._links.next",
        ),
    ],
)
def test_a_part_of_a_list_is_told_of_and_fails_where_it_is_declared(
    loopback: Loopback, place: Place, record: dict[str, Any], path: str, place_of_rest: str
) -> None:
    place, said = replace(place, dataset="testshop"), list[str]()
    shop = shop_with(loopback, record, path=path)
    report = run_load(shop, ["orders", "lines"], warehouse=place.warehouse(), progress=said.append)
    assert report.errors == {}
    assert any(line.startswith(f"lines: {place_of_rest} says that records hold only a part") for line in said)
    assert [entry.result for entry in check(shop) if (entry.resource, entry.what) == ("lines", "list")] == [
        "failed"
    ]
    key = "total_path" if "count" in place_of_rest else "has_more_path"
    shop = shop_with(loopback, record, path=path, **{key: place_of_rest})
    report = run_load(shop, ["orders", "lines"], warehouse=place.warehouse())
    assert set(report.errors) == {"lines"}
    assert f"holds 10 elements of {path}, and its {place_of_rest} is" in str(report.errors["lines"])


@pytest.mark.parametrize(
    "record",
    [
        {"lines": {"data": LINES, "has_more": False, "total_count": 10}},
        {"lines": {"data": LINES, "count": 3}},
        {"lines": {"data": []}, "total": 12, "has_more": True},
    ],
)
def test_a_whole_list_is_loaded_without_a_word(loopback: Loopback, record: dict[str, Any]) -> None:
    shop = shop_with(loopback, record, path="lines.data")
    assert [entry for entry in check(shop) if (entry.resource, entry.what) == ("lines", "list")] == []


def test_a_declared_path_that_is_in_no_record_hides_nothing(loopback: Loopback, place: Place) -> None:
    """A misspelt total_path must not silence the total that is there."""
    place, said = replace(place, dataset="testshop"), list[str]()
    shop = shop_with(
        loopback, {"lines": {"data": LINES, "total_count": 14}}, path="lines.data", total_path="lines.totl"
    )
    run_load(shop, ["orders", "lines"], warehouse=place.warehouse(), progress=said.append)
    assert any(
        line.startswith("lines: lines.total_count says that records hold only a part") for line in said
    )
    assert [entry.result for entry in check(shop) if (entry.resource, entry.what) == ("lines", "list")] == [
        "failed"
    ]


@pytest.mark.parametrize(
    ("path", "result", "guess"),
    [
        ("line.data", "failed", "It may be the field lines.data: declare path: lines.data"),
        ("refunds", "skipped", ""),
    ],
)
def test_a_list_that_no_record_has(
    loopback: Loopback, place: Place, path: str, result: str, guess: str
) -> None:
    """The table stays empty, so the run and `check` tell of it."""
    place, said = replace(place, dataset="testshop"), list[str]()
    shop = shop_with(loopback, {"lines": {"data": LINES}}, path=path)
    report = run_load(shop, ["orders", "lines"], warehouse=place.warehouse(), progress=said.append)
    assert report.errors == {}
    text = (
        f"none of 1 records of orders has {path}. Check rows_from.path, unless the API leaves out empty lists"
    )
    assert f"lines: {text}" in said
    (found,) = [entry for entry in check(shop) if (entry.resource, entry.what) == ("lines", "list")]
    assert (found.result, found.detail) == (result, f"{text}. {guess}".removesuffix(". "))


@pytest.mark.parametrize("path", ["lines[*]", "$.lines", "parcels.data[*].items", "lines[0].data"])
def test_a_json_path_is_no_place_of_a_list(loopback: Loopback, path: str) -> None:
    with pytest.raises(ValueError, match=r"names separated by dots, such as lines\.data"):
        shop_with(loopback, {}, path=path)
