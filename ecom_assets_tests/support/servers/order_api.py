"""A real server of orders with lines, with a method that loads its first days into a warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, serving
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
KEY = {"data_type": "bigint", "nullable": False}
AT = "2026-01-01T12:00:00Z"
COLUMNS = {
    "id": KEY,
    "updated_at": {"data_type": "timestamp", "nullable": False},
    "name": {"data_type": "text", "nullable": False},
    "total": {"data_type": "decimal", "precision": 18, "scale": 4},
    "big": {"data_type": "decimal"},
    "day": {"data_type": "date"},
    "clock": {"data_type": "time"},
    "share": {"data_type": "double"},
    "open": {"data_type": "bool"},
    "raw": {"data_type": "binary"},
    "tags": {"data_type": "json"},
    "city": {"data_type": "text", "path": "shippingAddress.cityName"},
}


class Api:
    """Orders with lines, and stores, at a server that answers windows."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.orders: list[Any] = []
        self.place = replace(place, dataset="testshop")
        self.base_url = loopback.base_url
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        rows: list[Any] = [{"id": 1}]
        if seen.path == "/orders":
            rows = [
                row for row in self.orders if query["from"] <= (row.get("updated_at") or AT) < query["to"]
            ]
        # not escaped any further: a lone surrogate goes over the wire as \ud800
        return Reply(
            body=json.dumps({"data": rows, "total": len(rows)}), headers={"Content-Type": "application/json"}
        )

    def shop(self, policy: str = "evolve", max_rejected: float | None = None) -> Shop:
        window = {"cursor_path": "updated_at", "start_param": "from", "end_param": "to"}
        paginator = {"type": "single_page", "total_path": "total"}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.base_url, "paginator": paginator},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "orders",
                        "primary_key": "id",
                        "schema_contract": {"columns": policy},
                        "endpoint": {"path": "orders", "data_selector": "data", "incremental": window},
                        "columns": COLUMNS,
                        **({} if max_rejected is None else {"max_rejected": max_rejected}),
                    },
                    {
                        "name": "lines",
                        "primary_key": ["order_id", "id"],
                        "rows_from": {"resource": "orders", "path": "lines"},
                        "include_from_parent": ["id"],
                        "columns": {
                            "order_id": {**KEY, "path": "_orders_id"},
                            "id": KEY,
                            "sku": {"data_type": "text"},
                        },
                    },
                ],
            }
        )

    def load(self, *orders: Any, days: int = 1, **declared: Any) -> RunReport:
        """Load the first days of January with these orders at the server."""
        self.orders = list(orders)
        shop = self.shop(**declared)
        assert shop.partitions
        windows = windows_between(
            shop.partitions, shop.partitions.start, datetime(2026, 1, 1 + days, tzinfo=UTC)
        )
        return run_load(shop, ["orders", "lines"], windows, warehouse=self.place.warehouse())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)


def order(number: Any, **fields: Any) -> dict[str, Any]:
    return {"id": number, "updated_at": AT, "name": "x", **fields}


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    with serving() as loopback:
        yield Api(loopback, place)
