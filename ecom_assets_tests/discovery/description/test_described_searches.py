"""A search by POST in a description becomes an endpoint with a body, and its fields become paging and filter."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.discovery.description.openapi import read_openapi
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.descriptions.described_list import document, offline
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

INSTANT = {"type": "string", "format": "date-time"}
NUMBER = {"type": "integer"}


def nested(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


BODY = nested(
    {
        "limit": {"type": "integer", "maximum": 40},
        "cursor": {"type": "string"},
        "query": nested(
            {
                "price": nested({"from": NUMBER, "to": NUMBER}),
                "number": NUMBER,
                "times": nested(
                    {
                        "created_at": nested({"start_at": INSTANT, "end_at": INSTANT}),
                        "updated_at": nested({"start_at": INSTANT, "end_at": INSTANT}),
                    }
                ),
            }
        ),
    }
)


def search(
    body: dict[str, Any], path: str = "/orders/search", operation_id: str = "", around: Any = None
) -> dict[str, Any]:
    content = document({"updated_at": INSTANT, "created_at": INSTANT}, path=path, around=around)
    operation = content["paths"][path].pop("get")
    operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    operation["operationId"] = operation_id
    content["paths"][path]["post"] = operation
    return content


def test_offline_the_fields_of_the_body_are_paging_and_filter(tmp_path: Path) -> None:
    shop = load_text(offline(tmp_path, search(BODY, around={"cursor": {"type": "string"}})).text, "shop")
    endpoint = shop.resource("orders").endpoint
    assert endpoint is not None
    assert endpoint.incremental is not None
    assert endpoint.method == "POST"
    window = {"start_at": "{incremental.start_value}", "end_at": "{incremental.end_value}"}
    assert endpoint.json_body == {"limit": 40, "query": {"times": {"updated_at": window}}}
    assert endpoint.incremental.cursor_path == "updated_at"
    paginator = endpoint.paginator or shop.client.paginator
    assert paginator == {"type": "cursor", "cursor_path": "cursor", "cursor_body_path": "cursor"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            nested({"page": nested({"number": {"type": "integer", "minimum": 0}, "size": NUMBER})}),
            {"page": {"size": 100}},
        ),
        (
            nested(
                {
                    "from": NUMBER,
                    "size": NUMBER,
                    "changedAfter": {"type": "integer", "description": "unix time"},
                }
            ),
            {"changedAfter": "{incremental.start_value}"},
        ),
        (
            nested(
                {"locations": {"type": "array"}, "kind": {"enum": ["order"]}}, required=["locations", "kind"]
            ),
            {"kind": "order"},
        ),
    ],
)
def test_bodies(tmp_path: Path, body: dict[str, Any], expected: dict[str, Any]) -> None:
    found = offline(tmp_path, search(body))
    endpoint = load_text(found.text, "shop").resource("orders").endpoint
    assert endpoint is not None
    assert endpoint.json_body == expected
    assert ("required in the body, without a known value: locations" in found.text) == (
        "locations" in str(body)
    )


@pytest.mark.parametrize(
    ("path", "operation_id", "found"),
    [
        ("/orders/search", "", True),
        ("/orders/_search", "", True),
        ("/orders", "searchOrders", True),
        ("/orders", "createOrders", False),
        ("/orders/export", "", False),
    ],
)
def test_which_operations_are_searches(tmp_path: Path, path: str, operation_id: str, found: bool) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(search(BODY, path, operation_id)), "utf-8")
    assert bool(read_openapi(file).endpoints) == found


def test_a_filter_by_the_time_of_creation_is_none(tmp_path: Path) -> None:
    times = nested({"created_at": nested({"start_at": INSTANT, "end_at": INSTANT})})
    endpoint = (
        load_text(offline(tmp_path, search(nested({"times": times}))).text, "shop")
        .resource("orders")
        .endpoint
    )
    assert endpoint is not None
    assert endpoint.incremental is None


def test_a_list_that_can_be_read_by_get_needs_no_search(tmp_path: Path) -> None:
    content = search(BODY)
    content["paths"] |= document({"updated_at": INSTANT})["paths"]
    file = tmp_path / "api.json"
    file.write_text(json.dumps(content), "utf-8")
    assert [guess.endpoint for guess in read_openapi(file).collections] == ["/orders"]


def test_a_described_search_is_tried_and_loads(api: Loopback, tmp_path: Path) -> None:
    first = datetime(2026, 3, 1, tzinfo=timezone.utc)
    rows = [
        {"id": number, "updated_at": (first + timedelta(hours=7 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")}
        for number in range(30)
    ]

    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        window = body.get("query", {}).get("times", {}).get("updated_at", {})
        low, high = window.get("start_at", ""), window.get("end_at", "9")
        kept = [row for row in rows if low <= row["updated_at"] < high]
        begin = int(body.get("cursor") or 0)
        end = begin + body.get("limit", 10)
        return json_reply({"data": kept[begin:end], "cursor": str(end) if end < len(kept) else None})

    api.answering = answer
    file = tmp_path / "api.json"
    body = {**BODY, "properties": {**BODY["properties"], "limit": {"type": "integer", "maximum": 8}}}
    file.write_text(json.dumps(search(body, around={"cursor": {"type": "string"}})), "utf-8")
    described = read_openapi(file)
    endpoints = [guess.endpoint for guess in described.collections]
    found = discover(
        DiscoveryOptions("shop", api.base_url, endpoints=endpoints, described=described.endpoints)
    )
    shop = load_text(found.text, "shop")
    endpoint = shop.resource("orders").endpoint
    assert endpoint is not None
    assert endpoint.incremental is not None
    assert endpoint.incremental.bounds == "[)"
    paginator = endpoint.paginator or shop.client.paginator
    assert paginator == {"type": "cursor", "cursor_path": "cursor", "cursor_body_path": "cursor"}
