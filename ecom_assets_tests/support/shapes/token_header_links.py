"""A token in a header after a word; the next page's complete address in the answer; addresses as keys.

The only filter has a start and no end. Times have different offsets. A static parameter is true or false, written as
in JSON.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, END, ORDERS, START, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

TOKEN = "token-header-links-5d5d"
_SIZE = 8


def _answer(seen: Seen) -> Reply:
    if seen.headers.get("authorization") != f"Token {TOKEN}":
        return refusal(401, "Authorization: Token, and the token")
    query = dict(seen.query)
    base_url = f"http://{seen.headers['host']}"
    wrong = unknown(query, "updated_since", "include_archived", "page")
    if wrong or query.get("include_archived", "true") not in ("true", "false"):
        return wrong or refusal(400, "include_archived: true or false")
    if seen.path == "/api/orders/":
        since = datetime.fromisoformat(
            query.get("updated_since", "2000-01-01T00:00:00Z").replace("Z", "+00:00")
        )
        found = sorted(
            (order for order in ORDERS if order.changed >= since),
            key=lambda order: (order.changed, -order.number),
        )
        return _linked(seen, query, [_written(order, base_url) for order in found])
    if seen.path == "/api/customers/":
        return _linked(seen, query, [_customer(number, base_url) for number in range(1, len(CUSTOMERS) + 1)])
    return refusal(404, "no such collection")


def _linked(seen: Seen, query: dict[str, str], rows: list[dict[str, Any]]) -> Reply:
    """Return a page that says how many records there are and where the next one is."""
    number = int(query.get("page", 1))
    following = urlencode({**query, "page": number + 1})
    more = number * _SIZE < len(rows)
    return json_reply(
        {
            "count": len(rows),
            "next": f"http://{seen.headers['host']}{seen.path}?{following}" if more else None,
            "results": page(rows, _SIZE * (number - 1), _SIZE),
        }
    )


def _written(order: Order, base_url: str) -> dict[str, Any]:
    """Write an order as this API does, at the offset of its customer."""
    zone = timezone(timedelta(hours=order.customer - 6, minutes=30))
    return {
        "url": f"{base_url}/api/orders/{order.number}/",
        "customer": f"{base_url}/api/customers/{order.customer}/",
        "total": str(order.total),
        "note": order.note,
        "updated_at": order.changed.astimezone(zone).isoformat(),
    }


def _customer(number: int, base_url: str) -> dict[str, Any]:
    customer = CUSTOMERS[number - 1]
    return {
        "url": f"{base_url}/api/customers/{number}/",
        "email": customer.email,
        "joined_on": customer.joined.date().isoformat(),
    }


def _tables(base_url: str) -> Tables:
    return {
        "orders": [
            {
                "url": f"{base_url}/api/orders/{order.number}/",
                "customer_url": f"{base_url}/api/customers/{order.customer}/",
                "total": order.total,
                "note": order.note,
                "updated_at": order.changed,
            }
            for order in between(START, END)
        ],
        "customers": [
            {
                "url": f"{base_url}/api/customers/{customer.number}/",
                "email": customer.email,
                "joined_on": customer.joined.date(),
            }
            for customer in CUSTOMERS
        ],
    }


SHAPE = Shape("token_header_links", _answer, _tables, {"api_key": TOKEN})
