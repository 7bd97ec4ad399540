"""A bearer token; a cursor to the next page; no total anywhere; the window inside a search expression.

Identifiers are UUIDs, instants have microseconds, windows are hours. The collections are paged in different ways.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, ORDERS, UTC, Order
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal, unknown

TOKEN = "keyset-cursor-token-c0de"
START = datetime(2026, 3, 27, tzinfo=UTC)
END = START + timedelta(hours=5)
_SIZE = 3
_BOUNDS = re.compile(r"updated:>='([^']+)' AND updated:<'([^']+)'")


def _finer() -> list[Order]:
    """Return the orders with an instant to the microsecond, and some more on the edges of hours."""
    finer = [
        replace(order, changed=order.changed + timedelta(microseconds=order.number % 3 and 999_999))
        for order in ORDERS
    ]
    edges = [START + timedelta(hours=hour, microseconds=shift) for hour in range(7) for shift in (-1, 0)]
    return finer + [
        replace(ORDERS[position], number=1000 + position, changed=edge) for position, edge in enumerate(edges)
    ]


_ORDERS = sorted(_finer(), key=lambda order: (order.changed, order.number))


def _id(kind: str, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind}/{number}"))


def _answer(seen: Seen) -> Reply:
    if seen.headers.get("authorization") != f"Bearer {TOKEN}":
        return refusal(401, "a bearer token")
    query = dict(seen.query)
    if seen.path == "/graph/orders":
        bounds = _BOUNDS.fullmatch(query.get("search", ""))
        if wrong := unknown(query, "search", "after"):
            return wrong
        if bounds is None:
            return refusal(400, "search: updated:>='…' AND updated:<'…'")
        low, high = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in bounds.groups())
        found = [_written(order) for order in _ORDERS if low <= order.changed < high]
        return _keyset(query.get("after"), found)
    if seen.path == "/graph/balances":
        rows = _balances()
        cursor = int(query.get("from_row", 0))
        reply = json_reply({"rows": rows[cursor : cursor + 5]})
        if cursor + 5 < len(rows):
            reply.headers["X-Next-Row"] = str(cursor + 5)
        return unknown(query, "from_row") or reply
    return refusal(404, "no such collection")


def _keyset(after: str | None, rows: list[dict[str, Any]]) -> Reply:
    """Return the page behind a cursor; the last page has a cursor too, but says that it is the last."""
    keys = [row["id"] for row in rows]
    begin = keys.index(after) + 1 if after in keys else 0
    found = rows[begin : begin + _SIZE]
    info = {"has_next": begin + _SIZE < len(rows), "end_cursor": found[-1]["id"] if found else None}
    return json_reply({"data": {"orders": found, "page_info": info}})


def _written(order: Order) -> dict[str, Any]:
    return {
        "id": _id("order", order.number),
        "customer": None if order.number % 7 == 0 else {"id": _id("customer", order.customer)},
        "total": {"amount": str(order.total), "currency": "EUR"},
        "updated": order.changed.isoformat().replace("+00:00", "Z"),
    }


def _balances() -> list[dict[str, Any]]:
    return [
        {"customer": _id("customer", customer.number), "currency": currency, "amount": number / 4}
        for customer in CUSTOMERS
        for number, currency in enumerate(("EUR", "USD"))
    ]


def _tables(base_url: str) -> Tables:
    return {
        "orders": [
            {
                "id": _id("order", order.number),
                "customer_id": None if order.number % 7 == 0 else _id("customer", order.customer),
                "total__amount": order.total,
                "total__currency": "EUR",
                "updated": order.changed,
            }
            for order in _ORDERS
            if START <= order.changed < END
        ],
        "balances": _balances(),
    }


SHAPE = Shape("keyset_cursor", _answer, _tables, {"token": TOKEN}, START, END)
