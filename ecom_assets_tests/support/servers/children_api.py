"""An API of orders, refunds, refund lines and notes that a test can change, and its shop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAYS = tuple(
    Window(f"2026-03-0{day + 1}", START + timedelta(days=day), START + timedelta(days=day + 1))
    for day in range(3)
)
ALL = ["orders", "refunds", "refund_lines", "notes"]
KEY = {"data_type": "bigint", "nullable": False}


class Api:
    """Orders of two days, their refunds with lines, and the notes on a refund; a test changes what it likes."""

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        self.orders: dict[int, datetime] = {
            number: START + timedelta(days=number // 3, hours=number) for number in range(1, 6)
        }
        self.refunds: dict[int, list[dict[str, Any]]] = {
            number: [
                {"id": 10 * number + refund, "lines": [{"no": line} for line in range(refund)]}
                for refund in range(number)
            ]
            for number in self.orders
        }
        self.notes: dict[int, list[int]] = {
            refund["id"]: [1, 2] for refunds in self.refunds.values() for refund in refunds
        }
        self.totals: dict[str, int | None] = {}
        self.answers: dict[str, Reply] = {}
        loopback.answering = self._answer

    def _answer(self, seen: Seen) -> Reply:
        if seen.path in self.answers:
            return self.answers[seen.path]
        query = dict(seen.query)
        parts = seen.path.split("/")[1:]
        if parts == ["orders"]:
            low, high = (
                datetime.fromisoformat(query.get(name, far).replace("Z", "+00:00"))
                for name, far in (("from", "2000-01-01T00:00:00Z"), ("to", "2100-01-01T00:00:00Z"))
            )
            found = [
                {"id": number, "ref": number, "at": at.isoformat()}
                for number, at in self.orders.items()
                if low <= at < high
            ]
            return self._page(seen.path, query, found)
        if parts[0] == "orders":
            return self._page(seen.path, query, self.refunds[int(parts[1])])
        return self._page(seen.path, query, [{"no": number} for number in self.notes[int(parts[1])]])

    def _page(self, path: str, query: dict[str, str], rows: list[dict[str, Any]]) -> Reply:
        offset, limit = int(query["offset"]), int(query["limit"])
        total = self.totals.get(path, len(rows))
        return json_reply({"data": rows[offset : offset + limit], "total": total})

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(seen.path == path for seen in self.loopback.seen)


def shop_of(api: Api, **refunds: Any) -> Shop:
    """Return the shop; the arguments are added to the endpoint of refunds."""
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {
                "base_url": api.loopback.base_url,
                "paginator": {"type": "offset", "limit": 2, "total_path": "total"},
            },
            "policy": {"max_retries": 0, "backoff_factor": 0},
            "partitions": {"every": "day", "start": START},
            "resources": [
                {
                    "name": "notes",
                    "primary_key": ["order_id", "refund_id", "no"],
                    "endpoint": {"path": "refunds/{resources.refunds.id}/notes", "data_selector": "data"},
                    "include_from_parent": ["id", "_orders_id"],
                    "columns": {
                        "order_id": {**KEY, "path": "_refunds__orders_id"},
                        "refund_id": {**KEY, "path": "_refunds_id"},
                        "no": KEY,
                    },
                },
                {
                    "name": "refunds",
                    "primary_key": ["order_id", "id"],
                    "endpoint": {
                        "path": "orders/{resources.orders.id}/refunds",
                        "data_selector": "data",
                        **refunds,
                    },
                    "include_from_parent": ["id"],
                    "columns": {"order_id": {**KEY, "path": "_orders_id"}, "id": KEY},
                },
                {
                    "name": "refund_lines",
                    "primary_key": ["order_id", "refund_id", "no"],
                    "rows_from": {"resource": "refunds", "path": "lines"},
                    "include_from_parent": ["id", "_orders_id"],
                    "columns": {
                        "order_id": {**KEY, "path": "_refunds__orders_id"},
                        "refund_id": {**KEY, "path": "_refunds_id"},
                        "no": KEY,
                    },
                },
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "orders",
                        "data_selector": "data",
                        "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
                    },
                    "columns": {"id": KEY, "at": {"data_type": "timestamp", "nullable": False}},
                },
            ],
        }
    )


class Loads:
    """Loads into one warehouse."""

    def __init__(self, place: Place) -> None:
        self.place = replace(place, dataset="testshop")

    def run(self, shop: Shop, names: list[str], windows: tuple[Window, ...] = DAYS) -> RunReport:
        """Load windows."""
        return run_load(shop, names, windows, warehouse=self.place.warehouse())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)

    def tables(self) -> set[str]:
        """Return the names of the shop's tables."""
        return set(self.place.present(ALL)) if self.place.warehouse().exists() else set()

    def as_served(self, api: Api) -> None:
        """Assert that the tables hold what the API has now."""
        refunds = [(order, entry) for order in api.orders for entry in api.refunds[order]]
        assert self.rows("select id from orders order by 1") == [(number,) for number in sorted(api.orders)]
        assert self.rows("select order_id, id from refunds order by 1, 2") == sorted(
            (order, entry["id"]) for order, entry in refunds
        )
        assert self.rows("select order_id, refund_id, no from refund_lines order by 1, 2, 3") == sorted(
            (order, entry["id"], line["no"]) for order, entry in refunds for line in entry["lines"]
        )
        assert self.rows("select order_id, refund_id, no from notes order by 1, 2, 3") == sorted(
            (order, entry["id"], number) for order, entry in refunds for number in api.notes[entry["id"]]
        )


@pytest.fixture
def api() -> Iterator[Api]:
    """Serve the API."""
    with serving() as loopback:
        yield Api(loopback)


@pytest.fixture
def loads(place: Place) -> Loads:
    """Return an empty warehouse."""
    return Loads(place)
