"""Two secrets in the query; offset and limit under other names; rows and total deep inside the answer.

Filters include both ends. Paths end in a slash, and are not found without it. Money is an integer or a
float. Keys are texts, or have two columns. Stock is paged by a Link header that repeats the secrets.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import END, ORDERS, START, UTC, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

SECRETS = {"consumer_key": "twin-secrets-key-77aa", "consumer_secret": "twin-secrets-secret-88bb"}
_FORMAT = "%Y-%m-%d %H:%M:%S"
_STOCK = [
    (f"SKU-{number % 9}", f"depot {chr(65 + number // 9)}", number * 3 % 7 or None) for number in range(25)
]


def _answer(seen: Seen) -> Reply:
    query = dict(seen.query)
    for name, secret in SECRETS.items():
        if query.pop(name, None) != secret or len(query) != len(seen.query) - list(SECRETS).index(name) - 1:
            return refusal(403, f"{name} is missing, wrong or there twice")
    if seen.path == "/store/api/orders/":
        wrong = unknown(query, "skip", "take", "modified_from", "modified_to", "sort")
        return wrong or _orders(query)
    if seen.path == "/store/api/stock/":
        return unknown(query, "page", "size") or _stock(seen, query)
    return refusal(404, "no such collection; is it the slash at the end?")


def _orders(query: dict[str, str]) -> Reply:
    """Return orders, sorted by their change if the request asks for it."""
    low, high = (
        datetime.strptime(query.get(name, far), _FORMAT).replace(tzinfo=UTC)
        for name, far in (("modified_from", "2000-01-01 00:00:00"), ("modified_to", "2100-01-01 00:00:00"))
    )
    found = [order for order in ORDERS if low <= order.changed <= high]
    if query.get("sort") == "modified":
        found.sort(key=lambda order: (order.changed, order.number))
    rows = page(found, int(query.get("skip", 0)), min(int(query.get("take", 5)), 10))
    return json_reply(
        {"status": "ok", "result": {"count": len(found), "items": [_written(order) for order in rows]}}
    )


def _written(order: Order) -> dict[str, Any]:
    return {
        "OrderID": f"A-{order.number:05}",
        "Total": _number(order.total),
        "Discount": None if order.discount is None else _number(order.discount),
        "IsPaid": int(order.paid),
        "Modified": order.changed.strftime(_FORMAT),
    }


def _number(amount: Decimal) -> int | float:
    """Write a whole amount without a fraction."""
    return int(amount) if amount == int(amount) else float(amount)


def _stock(seen: Seen, query: dict[str, str]) -> Reply:
    number, size = int(query.get("page", 1)), int(query.get("size", 10))
    following = urlencode({**SECRETS, "page": number + 1, "size": size})
    address = f"http://{seen.headers['host']}{seen.path}"
    link = f'<{address}?{following}>; rel="next"' if number * size < len(_STOCK) else ""
    reply = json_reply(
        [
            {"sku": sku, "depot": depot, "pieces": pieces}
            for sku, depot, pieces in page(_STOCK, size * (number - 1), size)
        ],
        link=link,
    )
    reply.headers["X-Total-Count"] = str(len(_STOCK))
    return reply


def _tables(base_url: str) -> Tables:
    return {
        "orders": [
            {
                "order_id": f"A-{order.number:05}",
                "total": order.total,
                "discount": order.discount,
                "is_paid": order.paid,
                "modified": order.changed,
            }
            for order in between(START, END)
        ],
        "stock": [{"sku": sku, "depot": depot, "pieces": pieces} for sku, depot, pieces in _STOCK],
    }


SHAPE = Shape("twin_secrets", _answer, _tables, SECRETS)
