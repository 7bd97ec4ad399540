"""Discovery finds the list of records, their key and their columns, whatever else an answer holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.discovery.discover import DiscoveryOptions, discover
from ecom_assets.discovery.exploration.response_structure import find_record_list
from ecom_assets.discovery.tables.primary_key import find_key
from ecom_assets.discovery.verification import load_text
from ecom_assets_tests.support.descriptions.described_list import document, offline
from ecom_assets_tests.support.servers.loopback import Loopback, json_reply
from ecom_assets_tests.support.servers.loopback import api as api

ROWS: list[dict[str, Any]] = [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("body", "resource", "path"),
    [
        ({"errors": ROWS * 5, "bank_accounts": []}, "bank-accounts", ("bank_accounts",)),
        ({"warnings": ROWS, "stuff": ROWS[:1]}, "orders", ("stuff",)),
        ({"errors": ROWS}, "orders", None),
        ({"meta": {"warnings": ROWS}}, "orders", None),
        ({"errors": ROWS}, "errors", ("errors",)),
        ({"OrderCollection": [], "orders": ROWS}, "order", ("orders",)),
        ({"lineItems": ROWS, "other": ROWS * 2}, "line_item", ("lineItems",)),
        ({"categories": ROWS, "data": []}, "category", ("categories",)),
        ({"included": ROWS * 3, "nodes": ROWS}, "orders", ("nodes",)),
        ({"included": ROWS}, "orders", ("included",)),
        ({"facets": ROWS, "result": {"hits": ROWS}}, "orders", ("result", "hits")),
    ],
)
def test_which_list(body: Any, resource: str, path: tuple[str, ...] | None) -> None:
    assert find_record_list(body, resource) == path


def test_how_many_lists_speak_for_a_key() -> None:
    fields: dict[tuple[str, ...], list[str]] = {("sku",): ["a", "b", "a"]}
    found = find_key(fields, "lines", [0, 0, 1])
    assert found is not None
    assert found.evidence.endswith("in 3 records, of which 1 list has two or more")
    found = find_key(fields, "lines", [0, 1, 2])
    assert found is not None
    assert "no list has two of them" in found.evidence


@pytest.mark.parametrize(
    ("fields", "resource", "key"),
    [
        ({"customer_id": [1, 2], "order_number": [8, 9]}, "orders", "order_number"),
        ({"quantity": [1, 2], "product_id": [3, 4]}, "lines", "product_id"),
        ({"number": [1, 2], "order_uuid": ["a", "b"]}, "orders", "order_uuid"),
        ({"street": ["a", "b"], "postal_code": ["1", "2"], "address_id": [5, 6]}, "addresses", "address_id"),
    ],
)
def test_which_key(fields: dict[str, Any], resource: str, key: str) -> None:
    found = find_key({(name,): values for name, values in fields.items()}, resource)
    assert found is not None
    assert found.value == [(key,)]


def test_lists_of_one_element_without_a_named_key_are_json(api: Loopback) -> None:
    """A key that no list of two elements confirms would let one row replace another."""
    rows = [{"id": number, "lines": [{"amount": number, "note": f"n{number}"}]} for number in range(1, 4)]
    api.replies = [json_reply(rows)]
    orders = shop_at(api, "orders").resource("orders")
    assert orders.column("lines").data_type == "json"


def shop_at(api: Loopback, name: str) -> Shop:
    return load_text(discover(DiscoveryOptions("shop", api.base_url, endpoints=[f"/{name}"])).text, "shop")


UUID = {"type": "string", "format": "uuid"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("properties", "key"),
    [
        ({"message": TEXT, "tenure": TEXT}, None),
        ({"message": TEXT, "id": {"type": "integer", "nullable": True}}, "id"),
        ({"name": TEXT, "sku": TEXT}, "sku"),
        ({"quantity": {"type": "integer"}, "street": TEXT}, None),
        ({"accountId": TEXT, "amount": TEXT}, None),
        ({"accountId": TEXT, "lineId": TEXT}, "line_id"),
    ],
)
def test_a_described_list_needs_a_field_that_is_named_like_a_key(
    tmp_path: Path, properties: dict[str, Any], key: str | None
) -> None:
    line = {"type": "object", "properties": properties}
    shop = load_text(offline(tmp_path, document({"lines": {"type": "array", "items": line}})).text, "shop")
    names = [resource.name for resource in shop.resources]
    assert names == (["orders", "order_items"] if key else ["orders"])
    if key:
        assert shop.resource("order_items").primary_key == ("order_id", key)
    else:
        assert shop.resource("orders").column("lines").data_type == "json"


def test_a_described_key_and_its_type_in_child_tables(tmp_path: Path) -> None:
    line = {"type": "object", "properties": {"quantity": {"type": "integer"}, "ref": UUID}}
    content = document({"id": {"type": "string"}, "lines": {"type": "array", "items": line}})
    shop = load_text(offline(tmp_path, content).text, "shop")
    items = shop.resource("order_items")
    assert items.primary_key == ("order_id", "ref")
    assert items.column("order_id").data_type == "text"


def test_described_records_in_a_wrapper(tmp_path: Path) -> None:
    content = document({})
    items = content["paths"]["/orders"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    record = items["properties"]["data"]["items"]
    record["properties"]["note"] = {"type": "string"}
    items["properties"]["data"]["items"] = {"type": "object", "properties": {"order": record}}
    orders = load_text(offline(tmp_path, content).text, "shop").resource("orders")
    assert orders.endpoint is not None
    assert orders.endpoint.data_selector == "data[*].order"
    assert [column.name for column in orders.columns] == ["id", "note"]


def jsonapi_record(number: int) -> dict[str, Any]:
    lines = [{"type": "lines", "id": str(10 * number + line)} for line in range(2)]
    return {
        "id": str(number),
        "type": "orders",
        "attributes": {
            "total": "12.50",
            "updated-at": f"2026-03-0{number}T00:00:00Z",
            "id": number,
            "place": {"city": "x"},
        },
        "relationships": {
            "customer": {"data": {"type": "customers", "id": "7"}},
            "lines": {"data": lines},
        },
        "links": {"self": f"/orders/{number}"},
    }


def test_attributes_and_relationships_become_columns(api: Loopback) -> None:
    api.replies = [json_reply({"data": [jsonapi_record(number) for number in range(1, 5)]})]
    shop = shop_at(api, "orders")
    orders = shop.resource("orders")
    columns = {column.name: (column.path, column.data_type) for column in orders.columns}
    assert columns["id"] == (("id",), "text")
    assert columns["total"] == (("attributes", "total"), "decimal")
    assert columns["updated_at"] == (("attributes", "updated-at"), "timestamp")
    assert columns["place__city"] == (("attributes", "place", "city"), "text")
    assert columns["customer_id"] == (("relationships", "customer", "data", "id"), "text")
    assert shop.resource("order_items").primary_key == ("order_id", "id")


def test_an_object_that_is_named_attributes_is_no_json_api(api: Loopback) -> None:
    api.replies = [json_reply([{"id": number, "attributes": {"color": "red"}} for number in range(3)])]
    assert "attributes__color" in {
        column.name for column in shop_at(api, "products").resource("products").columns
    }


def test_a_key_within_an_object(api: Loopback) -> None:
    """As a last resort; the nested lists of such a record stay JSON."""
    rows = [
        {"info": {"transaction_id": f"t{number}", "amount": "1.00"}, "items": [{"id": 1}, {"id": 2}]}
        for number in range(3)
    ]
    api.replies = [json_reply({"data": rows})]
    payments = shop_at(api, "transactions").resource("transactions")
    assert payments.primary_key == ("info__transaction_id",)
    assert payments.column("items").data_type == "json"
