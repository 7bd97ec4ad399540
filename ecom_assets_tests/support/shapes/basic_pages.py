"""A key as Basic user with an empty password; numbered pages of a bare list; the total in a header.

Filters exclude both ends; a misspelt filter is refused with 400. Times have no offset: each is there as a local time
and as GMT. Money is a text, empty if there is none. A page past the end is a 404.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, END, ORDERS, START, UTC, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

KEY = "basic-pages-key-1f2e"
BERLIN = ZoneInfo("Europe/Berlin")
_LARGEST = 100


def _answer(seen: Seen) -> Reply:
    if seen.headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
        return refusal(401, "the key belongs to the user of Basic, without a password")
    query = dict(seen.query)
    if seen.path == "/shop/v3/orders":
        wrong = unknown(query, "page", "per_page", "after", "before", "orderby", "order", "status")
        if wrong or query.get("status") != "any":
            return wrong or refusal(400, "status: any, or one of the statuses")
        low, high = (
            datetime.fromisoformat(query.get(name, far)).replace(tzinfo=UTC)
            for name, far in (("after", "2000-01-01"), ("before", "2100-01-01"))
        )
        found = [order for order in ORDERS if low < order.changed < high]
        if query.get("orderby") == "modified":
            found.sort(key=lambda order: (order.changed, order.number), reverse=query.get("order") != "asc")
        return _pages(query, [_written(order) for order in found])
    if seen.path == "/shop/v3/customers":
        return unknown(query, "page", "per_page") or _pages(query, _customers())
    return refusal(404, "no such collection")


def _pages(query: dict[str, str], items: Sequence[Any]) -> Reply:
    """Return one page; without `per_page` it has ten records."""
    size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
    if not 1 <= size <= _LARGEST:
        return refusal(400, f"per_page: 1 to {_LARGEST}")
    found = page(items, size * (number - 1), size)
    if number < 1 or (not found and number > 1):
        return refusal(404, "no such page")
    reply = json_reply(found)
    reply.headers["X-Total"] = str(len(items))
    return reply


def _written(order: Order) -> dict[str, Any]:
    """Write an order as this API does."""
    return {
        "id": order.number,
        "status": "processing" if order.paid else "pending",
        "total": f"{order.total:.2f}",
        "discount_total": "" if order.discount is None else str(order.discount),
        "customer": {"id": order.customer, "note": order.note},
        "date_modified": order.changed.astimezone(BERLIN).replace(tzinfo=None).isoformat(),
        "date_modified_gmt": order.changed.replace(tzinfo=None).isoformat(),
        "line_items": [
            {"id": line.number, "sku": line.sku, "quantity": line.quantity, "price": str(line.price)}
            for line in order.lines
        ],
    }


def _customers() -> list[dict[str, Any]]:
    return [
        {
            "id": customer.number,
            "email": customer.email,
            "billing": None if customer.city is None else {"city": customer.city},
            "date_created": customer.joined.astimezone(BERLIN).replace(tzinfo=None).isoformat(),
        }
        for customer in CUSTOMERS
    ]


def _tables(base_url: str) -> Tables:
    orders = between(START, END)
    return {
        "orders": [
            {
                "id": order.number,
                "total": order.total,
                "discount": order.discount,
                "customer_id": order.customer,
                "customer_note": order.note,
                "changed_here": order.changed,
                "changed_at": order.changed,
            }
            for order in orders
        ],
        "order_items": [
            {"order_id": order.number, "id": line.number, "sku": line.sku, "price": line.price}
            for order in orders
            for line in order.lines
        ],
        "customers": [
            {
                "id": customer.number,
                "email": customer.email,
                "billing__city": customer.city,
                "joined_at": customer.joined,
            }
            for customer in CUSTOMERS
        ],
    }


SHAPE = Shape("basic_pages", _answer, _tables, {"api_key": KEY, "password": ""})
