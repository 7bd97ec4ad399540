"""Personal data of children: their own is protected before the contract sees it, the parent's with the parent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.probe import open_probe
from ecom_assets.extract.windows import Window
from ecom_assets.load.run import run_load
from ecom_assets_tests.contract.test_privacy import KEY, hashed
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START, END = datetime(2026, 3, 1, tzinfo=timezone.utc), datetime(2026, 3, 2, tzinfo=timezone.utc)
PLAIN = ("ann@example.com", "bob@example.com", "a broken jug", "Long Lane", "555-1")
SECRETS = {"pii_key": KEY}


def _answer(seen: Seen) -> Reply:
    if seen.path == "/orders":
        row = {"id": "o-1", "email": "ann@example.com", "at": "2026-03-01T08:00:00Z"}
        return json_reply([row])
    refund = {"id": 1, "payee": "bob@example.com", "reason": "a broken jug", "phone": "555-1"}
    steps = [{"no": 1, "street": "Long Lane"}]
    # the second one breaks the contract, so the ledger of rejected rows has it as JSON
    return json_reply([{**refund, "steps": steps}, {**refund, "id": "no number", "steps": steps}])


@pytest.fixture
def api() -> Iterator[Loopback]:
    """Serve an order and its refunds."""
    with serving() as loopback:
        loopback.answering = _answer
        yield loopback


def shop_of(api: Loopback) -> Shop:
    """Return the shop, whose orders' key and e-mail are hashed."""
    text: dict[str, Any] = {"data_type": "text", "nullable": False}
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {"base_url": api.base_url},
            "policy": {"max_retries": 0},
            "partitions": {"every": "day", "start": START},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "orders",
                        "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
                    },
                    "columns": {
                        "id": text,
                        "email": {"data_type": "text", "pii": "hash"},
                        "at": {"data_type": "timestamp", "nullable": False},
                    },
                },
                {
                    "name": "refunds",
                    "primary_key": ["order_id", "id"],
                    "endpoint": {"path": "orders/{resources.orders.id}/refunds"},
                    "include_from_parent": ["id", "email"],
                    "columns": {
                        "order_id": {**text, "path": "_orders_id", "references": "orders.id"},
                        "order_email": {**text, "path": "_orders_email", "references": "orders.email"},
                        "id": {"data_type": "bigint", "nullable": False},
                        "payee": {"data_type": "text", "pii": "hash"},
                        "reason": {"data_type": "text", "pii": "mask"},
                        "phone": {"data_type": "text", "pii": "drop"},
                    },
                },
                {
                    "name": "steps",
                    "primary_key": ["order_id", "no"],
                    "rows_from": {"resource": "refunds", "path": "steps"},
                    "include_from_parent": ["_orders_id"],
                    "columns": {
                        "order_id": {**text, "path": "_refunds__orders_id"},
                        "no": {"data_type": "bigint", "nullable": False},
                        "street": {"data_type": "text", "pii": "mask"},
                    },
                },
            ],
        }
    )


def test_no_table_has_personal_data_of_a_child(api: Loopback, place: Place) -> None:
    place = replace(place, dataset="testshop")
    names, windows = ["orders", "refunds", "steps"], [Window("2026-03-01", START, END)]
    report = run_load(shop_of(api), names, windows, secrets=SECRETS, warehouse=place.warehouse())
    assert report.errors == {}
    refunds = place.rows("select * from refunds")
    assert [row[:5] for row in refunds] == [
        ("o-1", hashed("ann@example.com"), 1, hashed("bob@example.com"), "***")
    ]
    assert place.rows("select street from steps") == [("***",)]
    tables = place.rows("select table_name from information_schema.tables where table_schema = 'testshop'")
    everything = "".join(str(place.rows(f'select * from "{name}"')) for (name,) in tables)
    assert "no number" in everything
    assert not [plain for plain in PLAIN if plain in everything + repr(report)]


def test_a_probe_shows_no_personal_data_of_a_child(api: Loopback) -> None:
    shop = shop_of(api)
    with open_probe(shop, SECRETS) as probe:
        (refund, _) = probe.page(shop.resource("refunds"), (START, END)).records
    assert refund["payee"] == hashed("bob@example.com")
    assert refund["_orders_email"] == hashed("ann@example.com")
    assert not [plain for plain in PLAIN if plain in str(refund)]
