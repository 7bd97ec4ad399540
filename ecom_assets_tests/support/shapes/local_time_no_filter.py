"""No auth, no filter, times on the shop's local clock. Unknown parameters are ignored with a 200.

All records come in one answer, or in numbered pages that say whether there are more. The clock goes forward within
the range.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.shapes.records import CUSTOMERS, END, ORDERS, START, Order, between, page
from ecom_assets_tests.support.shapes.shape import Shape, Tables, refusal

BERLIN = ZoneInfo("Europe/Berlin")
_SIZE = 10


def _answer(seen: Seen) -> Reply:
    if seen.path == "/export/orders.json":
        return json_reply({"records": [_written(order) for order in ORDERS], "exported": len(ORDERS)})
    if seen.path == "/export/returns.json":
        number = int(dict(seen.query).get("p", 1))
        rows = [_returned(order) for order in ORDERS if order.discount]
        return json_reply(
            {"records": page(rows, _SIZE * (number - 1), _SIZE), "more": number * _SIZE < len(rows)}
        )
    if seen.path == "/export/customers.json":
        return json_reply(
            [{"nr": customer.number, "since": _local(customer.joined)} for customer in CUSTOMERS[::-1]]
        )
    return refusal(404, "no such export")


def _local(moment: Any) -> str:
    return f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M:%S}"


def _written(order: Order) -> dict[str, Any]:
    """Write an order; an amount is a text with spaces, or a number, and empty where there is none."""
    return {
        "nr": order.number,
        "betrag": f" {order.total} " if order.number % 2 else float(order.total),
        "rabatt": "" if order.discount is None else str(order.discount),
        "geaendert": _local(order.changed),
        "versand": None if not order.paid else f"{order.changed + timedelta(days=2):%Y-%m-%d}",
    }


def _returned(order: Order) -> dict[str, Any]:
    return {"auftrag": order.number, "position": 1, "geaendert": _local(order.changed)}


def _tables(base_url: str) -> Tables:
    orders = between(START, END)
    return {
        "orders": [
            {
                "nr": order.number,
                "amount": order.total,
                "discount": order.discount,
                "changed": order.changed,
                "shipped_on": (order.changed + timedelta(days=2)).date() if order.paid else None,
            }
            for order in orders
        ],
        "returns": [
            {"order_nr": order.number, "position": 1, "changed": order.changed}
            for order in orders
            if order.discount
        ],
        "customers": [{"nr": customer.number, "since": customer.joined} for customer in CUSTOMERS],
    }


SHAPE = Shape("local_time_no_filter", _answer, _tables)
