"""What a description says of answers and pages: examples, names without a path, the number of the first page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.descriptions.described_list import document, offline


@pytest.mark.parametrize(
    "content",
    [
        {
            "application/json": {
                "example": {"data": [{"id": 7, "updated_at": "2026-01-01T00:00:00Z", "sum": 1.5}]}
            }
        },
        {
            "application/problem+json": {},
            "application/vnd.shop+json": {
                "examples": {
                    "some": {"value": {"data": [{"id": 7, "updated_at": "2026-01-01T00:00:00Z", "sum": 1.5}]}}
                }
            },
        },
    ],
)
def test_an_example_stands_for_a_schema_that_is_not_there(tmp_path: Path, content: dict[str, Any]) -> None:
    file = tmp_path / "api.json"
    answer = {"200": {"description": "", "content": content}}
    paths = {
        "/orders": {"get": {"responses": answer}},
        "/none": {"get": {"responses": {"200": {"content": {}}}}},
    }
    file.write_text(json.dumps({"openapi": "3.0.3", "paths": paths}), "utf-8")
    described = read_openapi(file)
    assert list(described.endpoints) == ["/orders"]
    fields = described.endpoints["/orders"].table.fields
    assert {path[0]: field.data_type for path, field in fields.items()} == {
        "id": "bigint",
        "updated_at": "timestamp",
        "sum": "decimal",
    }


def test_a_field_that_no_path_can_name_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    names = ["id", "", " ", "a.b", " c"]
    record = {"type": "object", "properties": {name: {"type": "integer"} for name in names}}
    answer = {"content": {"application/json": {"schema": {"type": "array", "items": record}}}}
    file.write_text(
        json.dumps({"openapi": "3.1.0", "paths": {"/orders": {"get": {"responses": {"200": answer}}}}}),
        "utf-8",
    )
    options = DiscoveryOptions(
        "shop",
        "https://api.example.com",
        endpoints=["/orders"],
        described=read_openapi(file).endpoints,
        offline=True,
    )
    assert [column.name for column in discover(options).draft.tables[0].columns] == ["id"]


@pytest.mark.parametrize(
    ("about", "total", "first", "is_known"),
    [
        ({"schema": {"type": "integer"}}, False, 1, False),
        ({"schema": {"type": "integer"}}, True, 1, True),
        ({"schema": {"type": "integer", "default": 0}}, False, 0, True),
        ({"schema": {"type": "integer", "minimum": 1}}, False, 1, True),
        ({"schema": {"type": "integer"}, "description": "Zero-based page index (0..N)"}, False, 0, True),
        ({"schema": {"type": "integer"}, "description": "The page, starting with 1."}, False, 1, True),
        ({"schema": {"type": "integer"}, "description": "Which of the 10 pages to read."}, False, 1, False),
    ],
)
def test_pages_that_may_begin_with_0_are_not_read_until_somebody_says_so(
    tmp_path: Path, about: dict[str, Any], total: bool, first: int, is_known: bool
) -> None:
    """Without a total, a load could not notice that the first page is missing."""
    param = {"name": "page", "in": "query", **about}
    around = {"total": {"type": "integer"}} if total else {}
    text = offline(tmp_path, document({}, [param], around=around)).text
    shop = load_text(text, "shop")
    endpoint = shop.resource("orders").endpoint
    assert endpoint is not None
    assert shop.client.paginator is not None
    assert shop.client.paginator["base_page"] == first
    assert endpoint.unconfirmed == (
        None if is_known else "not described whether pages are counted from 0 or from 1"
    )
