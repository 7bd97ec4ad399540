"""Searches by POST: filter, order and page are in a JSON body with instants in milliseconds.

The token is obtained with client credentials. One collection is paged by offset, one by number, one by cursor.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, END, START, UTC, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal

SECRETS = {"client_id": "post-search-client-31", "client_secret": "post-search-secret-32"}
TOKEN = "post-search-token-33"
_CURRENCIES = ["EUR", "GBP", "SEK", "USD", "CHF"]


def _answer(seen: Seen) -> Reply:
    if seen.path == "/oauth/token":
        form = {name: values[0] for name, values in parse_qs(seen.body).items()}
        if {name: form.get(name) for name in SECRETS} != SECRETS:
            return refusal(400, "client_id, client_secret")
        return json_reply({"access_token": TOKEN, "expires_in": 3600})
    if seen.headers.get("authorization") != f"Bearer {TOKEN}":
        return refusal(401, "a token from /oauth/token")
    if seen.method != "POST" or seen.query:
        return refusal(405, "POST, and all in the body")
    body = json.loads(seen.body or "{}")
    if seen.path == "/search/orders":
        return _orders(body)
    if seen.path == "/search/customers":
        size = body["page"]["size"]
        rows = [
            {
                "no": customer.number,
                "email": customer.email,
                "joined": int(customer.joined.timestamp() * 1000),
            }
            for customer in CUSTOMERS
        ]
        pages = -(-len(rows) // size)
        return json_reply({"rows": page(rows, size * body["page"]["number"], size), "pages": pages})
    if seen.path == "/search/currencies":
        begin = _CURRENCIES.index(body["after"]) + 1 if body.get("after") else 0
        found = _CURRENCIES[begin : begin + 2]
        more = begin + 2 < len(_CURRENCIES)
        return json_reply({"rows": [{"code": code} for code in found], "after": found[-1] if more else None})
    return refusal(404, "no such search")


def _orders(body: dict[str, Any]) -> Reply:
    """Find the orders of a half-open interval; bounds that are no numbers are refused."""
    changed = body["filter"]["changed"]
    if type(changed["gte"]) is not int or type(changed["lt"]) is not int or body["sort"] != ["changed", "no"]:
        return refusal(422, "filter.changed: gte and lt in milliseconds; sort: [changed, no]")
    low, high = (datetime.fromtimestamp(changed[name] / 1000, UTC) for name in ("gte", "lt"))
    found = sorted(between(low, high), key=lambda order: (order.changed, order.number))
    begin, size = body["page"]["offset"], body["page"]["size"]
    rows = [_written(order) for order in page(found, begin, size)]
    return json_reply({"hits": {"total": {"value": len(found)}, "rows": rows}})


def _written(order: Order) -> dict[str, Any]:
    return {
        "no": order.number,
        "cents": int(order.total * 100),
        "note": order.note,
        "changed": int(order.changed.timestamp() * 1000),
        "lines": {"entries": [{"pos": line.number, "sku": line.sku} for line in order.lines]},
    }


def _tables(base_url: str) -> Tables:
    orders = between(START, END)
    return {
        "orders": [
            {
                "no": order.number,
                "cents": int(order.total * Decimal(100)),
                "note": order.note,
                "changed": order.changed,
            }
            for order in orders
        ],
        "order_lines": [
            {"order_no": order.number, "pos": line.number, "sku": line.sku}
            for order in orders
            for line in order.lines
        ],
        "customers": [
            {"no": customer.number, "email": customer.email, "joined": customer.joined}
            for customer in CUSTOMERS
        ],
        "currencies": [{"code": code} for code in _CURRENCIES],
    }


SHAPE = Shape("post_search", _answer, _tables, SECRETS)
