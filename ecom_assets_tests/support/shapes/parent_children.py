"""Collections that are requested by a field of a parent record, in the path or in a parameter.

Orders are windowed; the filter includes only the end. Each order has pages of refunds. A refund has lines, which are
a nested list, and events. The answer is a 404 for an order without refunds, and a 204 for an order that was not
shipped. Variants belong to products, which are a snapshot; the keys of products have all characters that a path
cannot have.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import END, ORDERS, START, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

KEY = "parent-children-key-4242"
_PRODUCTS = ["plain", "50 % off/sale", "a?b#c&d=e", "Größe {L}", "..x"]


def _answer(seen: Seen) -> Reply:
    if seen.headers.get("x-api-key") != KEY:
        return refusal(401, "X-Api-Key")
    query = dict(seen.query)
    match [unquote(part) for part in seen.path.split("/")[1:]]:
        case ["v2", "orders"]:
            return unknown(query, "offset", "limit", "min", "max") or _orders(query)
        case ["v2", "orders", number, "refunds"] if number.isdigit():
            refunds = _refunds(ORDERS[int(number) - 1])
            if not refunds:
                return refusal(404, "this order has no refunds")
            return unknown(query, "offset", "limit") or _page(query, refunds)
        case ["v2", "refunds", refund, "events"]:
            return unknown(query, "offset", "limit") or _page(query, _events(refund))
        case ["v2", "shipments"] if query.get("order_number", "").startswith("No. "):
            shipment = _shipment(ORDERS[int(query["order_number"].removeprefix("No. ")) - 1])
            return json_reply([shipment]) if shipment else Reply(204, b"")
        case ["v2", "products"]:
            return _page(query, [{"sku": sku, "title": sku.title()} for sku in _PRODUCTS])
        case ["v2", "products", sku, "variants", ""] if sku in _PRODUCTS:
            return _page(query, _variants(sku))
    return refusal(404, "no such collection")


def _page(query: dict[str, str], rows: list[dict[str, Any]]) -> Reply:
    found = page(rows, int(query.get("offset", 0)), min(int(query.get("limit", 2)), 5))
    return json_reply({"items": found, "total": len(rows)})


def _orders(query: dict[str, str]) -> Reply:
    low, high = (
        datetime.fromisoformat(query.get(name, far).replace("Z", "+00:00"))
        for name, far in (("min", "2000-01-01T00:00:00Z"), ("max", "2100-01-01T00:00:00Z"))
    )
    found = sorted(
        (order for order in ORDERS if low < order.changed <= high),
        key=lambda order: (order.changed, order.number),
    )
    return _page(query, [_written(order) for order in found])


def _written(order: Order) -> dict[str, Any]:
    return {
        "id": order.number,
        "meta": {"number": None if order.number % 6 == 0 else f"No. {order.number}"},
        "currency": "EUR" if order.paid else "USD",
        "updated_at": order.changed.isoformat(),
    }


def _refunds(order: Order) -> list[dict[str, Any]]:
    """Return up to seven refunds, numbered within their order."""
    return [
        {
            "id": number,
            "token": f"{order.number}-{number}",
            "amount": str(order.total / 8),
            "made_at": (order.changed - timedelta(days=number)).isoformat(),
            "lines": [{"sku": line.sku, "quantity": line.quantity} for line in order.lines],
        }
        for number in range(1, order.number % 8)
    ]


def _events(token: str) -> list[dict[str, Any]]:
    return [{"step": step, "what": f"{token}: {step}"} for step in range(int(token.split("-")[1]) % 3)]


def _shipment(order: Order) -> dict[str, Any] | None:
    return {"carrier": "parcel", "weight": None} if order.paid else None


def _variants(sku: str) -> list[dict[str, Any]]:
    return [{"size": size, "stock": size * len(sku)} for size in range(3)]


def _tables(base_url: str) -> Tables:
    orders = between(START, END)
    refunds = [(order, refund) for order in orders for refund in _refunds(order)]
    return {
        "orders": [
            {
                "id": order.number,
                "number": _written(order)["meta"]["number"],
                "currency": _written(order)["currency"],
                "updated_at": order.changed,
            }
            for order in orders
        ],
        "refunds": [
            {
                "order_id": order.number,
                "id": refund["id"],
                "currency": _written(order)["currency"],
                "amount": order.total / 8,
                "made_at": order.changed - timedelta(days=refund["id"]),
            }
            for order, refund in refunds
        ],
        "refund_lines": [
            {
                "order_id": order.number,
                "refund_id": refund["id"],
                "sku": line["sku"],
                "quantity": line["quantity"],
            }
            for order, refund in refunds
            for line in refund["lines"]
        ],
        "refund_events": [
            {"order_id": order.number, "refund_id": refund["id"], **event}
            for order, refund in refunds
            for event in _events(refund["token"])
        ],
        "shipments": [
            {"order_id": order.number, "carrier": "parcel", "weight": None}
            for order in orders
            if _shipment(order) and order.number % 6
        ],
        "products": [{"sku": sku, "title": sku.title()} for sku in _PRODUCTS],
        "variants": [{"sku": sku, **variant} for sku in _PRODUCTS for variant in _variants(sku)],
    }


SHAPE = Shape("parent_children", _answer, _tables, {"api_key": KEY})
