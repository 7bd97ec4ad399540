"""Unix seconds in parameters with brackets and in a numeric cursor; the next page starts after a given record.

There are two kinds of auth at once; one is an extra secret in the query. Windows are weeks. The first page of
another collection is page 0, and the page past its last is empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, ORDERS, UTC, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

SECRETS = {"token": "unix-seconds-token-9a", "store_secret": "unix-seconds-store-9b"}
START = datetime(2026, 3, 22, tzinfo=UTC)
END = datetime(2026, 4, 5, tzinfo=UTC)


def _answer(seen: Seen) -> Reply:
    query = dict(seen.query)
    signed = (seen.headers.get("authorization"), query.pop("store", None))
    if signed != (f"Bearer {SECRETS['token']}", SECRETS["store_secret"]):
        return refusal(401, "a bearer token, and store in the query")
    if seen.path == "/v1/charges":
        wrong = unknown(query, "updated[gte]", "updated[lt]", "limit", "starting_after", "expand[]")
        if wrong or ("expand[]", "customer") not in seen.query or ("expand[]", "notes") not in seen.query:
            return wrong or refusal(400, "expand[]: customer and notes")
        low, high = (
            datetime.fromtimestamp(int(query.get(f"updated[{name}]", far)), UTC)
            for name, far in (("gte", 0), ("lt", 9_999_999_999))
        )
        found = sorted(between(low, high), key=lambda order: (order.changed, order.number), reverse=True)
        ids = [_id(order) for order in found]
        after = query.get("starting_after")
        begin = ids.index(after) + 1 if after else 0
        size = int(query.get("limit", 10))
        rows = [_written(order) for order in page(found, begin, size)]
        return json_reply({"object": "list", "data": rows, "has_more": begin + size < len(found)})
    if seen.path == "/v1/customers":
        number = int(query.get("page", 0))
        rows = [
            {
                "id": f"cus_{customer.number}",
                "city": customer.city,
                "created": str(int(customer.joined.timestamp())),
            }
            for customer in CUSTOMERS
        ]
        return unknown(query, "page") or json_reply({"object": "list", "data": page(rows, number * 5, 5)})
    return refusal(404, "no such collection")


def _id(order: Order) -> str:
    return f"ch_{order.number:04}"


def _written(order: Order) -> dict[str, Any]:
    return {
        "id": _id(order),
        "amount": int(order.total * 100),
        "paid": order.paid,
        "updated": int(order.changed.timestamp()),
        "customer": {"id": f"cus_{order.customer}"},
        "notes": [order.note] if order.note is not None else [],
    }


def _tables(base_url: str) -> Tables:
    return {
        "charges": [
            {
                "id": _id(order),
                "amount": int(order.total * 100),
                "paid": order.paid,
                "updated": int(order.changed.timestamp()),
                "updated_at": order.changed,
                "customer_id": f"cus_{order.customer}",
            }
            for order in ORDERS
        ],
        "customers": [
            {"id": f"cus_{customer.number}", "city": customer.city, "created": customer.joined}
            for customer in CUSTOMERS
        ],
    }


SHAPE = Shape("unix_seconds", _answer, _tables, SECRETS, START, END)
