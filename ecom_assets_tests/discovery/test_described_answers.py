"""What a description says of an answer: an example stands for a schema, and fields without a path are left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover


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
