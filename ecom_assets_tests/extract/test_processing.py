"""dlt's processing steps on the way from the API to the table: order, failures, windows, children, personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.probe import open_probe
from ecom_assets.extract.processing import FailedRecord, process_records
from ecom_assets.extract.windows import Window
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAYS = tuple(
    Window(f"2026-03-0{day + 1}", START + timedelta(days=day), START + timedelta(days=day + 1))
    for day in range(2)
)
KEY = {"data_type": "bigint", "nullable": False}
ORDERS: list[dict[str, Any]] = [
    {"id": 1, "at": "2026-03-01T10:00:00Z", "email": "ann@example.com", "lines": [{"no": 1}, {"no": 2}]},
    {"id": 2, "at": "2026-03-01T23:00:00Z", "email": "bob@example.com", "lines": [{"no": 1}]},
    {"id": 3, "at": "2026-03-02T01:00:00Z", "email": "cem@example.com", "lines": []},
]


@pytest.fixture
def api() -> Iterator[Loopback]:
    """Serve orders and their notes."""

    def answer(seen: Seen) -> Reply:
        if seen.path == "/orders":
            query = dict(seen.query)
            found = [entry for entry in ORDERS if query["from"] <= entry["at"] < query["to"]]
            return json_reply({"data": found, "total": len(found)})
        number = int(seen.path.split("/")[2])
        return json_reply({"data": [{"no": 1, "order": number}, {"no": 2, "order": number}], "total": 2})

    with serving() as loopback:
        loopback.answering = answer
        yield loopback


def shop_of(api: Loopback, steps: Any, columns: Any = None, notes: Any = (), **orders: Any) -> Shop:
    """Return the shop with processing steps of orders, and of their notes."""
    return Shop.model_validate(
        {
            "name": "testshop",
            "client": {
                "base_url": api.base_url,
                "paginator": {"type": "offset", "limit": 9, "total_path": "total"},
            },
            "policy": {"max_retries": 0},
            "partitions": {"every": "day", "start": START},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "processing_steps": steps,
                    "endpoint": {
                        "path": "orders",
                        "data_selector": "data",
                        "incremental": {"cursor_path": "at", "start_param": "from", "end_param": "to"},
                    },
                    "columns": {
                        "id": KEY,
                        "at": {"data_type": "timestamp", "nullable": False},
                        **(columns or {}),
                    },
                    "schema_contract": {"columns": "discard_value"},
                    **orders,
                },
                {
                    "name": "lines",
                    "primary_key": ["order_id", "no"],
                    "rows_from": {"resource": "orders", "path": "lines"},
                    "include_from_parent": ["id"],
                    "columns": {"order_id": {**KEY, "path": "_orders_id"}, "no": KEY},
                },
                {
                    "name": "notes",
                    "primary_key": ["order_id", "no"],
                    "processing_steps": notes,
                    "endpoint": {"path": "orders/{resources.orders.id}/notes", "data_selector": "data"},
                    "include_from_parent": ["id"],
                    "columns": {
                        "order_id": {**KEY, "path": "_orders_id"},
                        "no": KEY,
                        "text": {"data_type": "text"},
                    },
                },
            ],
        }
    )


class Loads:
    """Loads into one warehouse."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def run(self, shop: Shop, *names: str) -> RunReport:
        """Load both days."""
        return run_load(
            shop, list(names), DAYS, secrets={"pii_key": "k" * 20}, warehouse=self.place.warehouse()
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)


@pytest.fixture
def loads(place: Place) -> Loads:
    """Return an empty warehouse."""
    return Loads(replace(place, dataset="testshop"))


def test_steps_run_in_the_order_of_dlt(api: Loopback) -> None:
    calls: list[str] = []

    def noted(name: str, result: Any) -> Any:
        def step(record: Any) -> Any:
            calls.append(name)
            return result(record)

        return step

    shop = shop_of(
        api,
        [
            # the order of the keys does not matter within one mapping
            {"yield_map": noted("split", lambda record: [record, {**record, "id": record["id"] + 10}])},
            {
                "map": noted("map", lambda record: {**record, "n": record["id"] * 2}),
                "filter": noted("filter", lambda record: record["id"] < 12),
            },
        ],
    )
    found = process_records(shop, shop.resource("orders"), [{"id": 1}, {"id": 2}])
    assert [record["n"] for record in found.records] == [2, 22, 4]
    assert calls == ["split", "filter", "filter", "map", "map", "split", "filter", "filter", "map"]
    assert found.filtered == 0


def test_a_step_may_make_the_cursor_that_decides_the_window(api: Loopback, loads: Loads) -> None:
    def local_time(record: dict[str, Any]) -> dict[str, Any]:
        at = datetime.fromisoformat(record["at"].replace("Z", "+00:00"))
        return {
            "id": record["id"],
            "at": at.astimezone(timezone(timedelta(hours=9))).isoformat(),
            "lines": [],
        }

    assert loads.run(shop_of(api, [{"map": local_time}]), "orders").errors == {}
    assert loads.rows("select partition_key, kept from load_ledger where resource = 'orders' order by 1") == [
        ("2026-03-01", 2),
        ("2026-03-02", 1),
    ]


def test_a_step_that_moves_records_out_of_their_window_fails(api: Loopback, loads: Loads) -> None:
    report = loads.run(
        shop_of(api, [{"map": lambda record: {**record, "at": "2026-02-01T00:00:00Z"}}]), "orders"
    )
    assert "records lie outside of the window" in str(report.errors["orders"])


def test_a_dropped_record_is_counted(api: Loopback, loads: Loads) -> None:
    report = loads.run(shop_of(api, [{"filter": lambda record: record["id"] != 2}]), "orders", "lines")
    assert report.errors == {}
    assert loads.rows("select id from orders order by 1") == [(1,), (3,)]
    assert loads.rows("select order_id, no from lines order by 1, 2") == [(1, 1), (1, 2)]
    assert report.resources["orders"].discarded["records dropped by processing_steps"] == 1
    assert loads.rows(
        "select partition_key, source_total, fetched, kept, rejected from load_ledger "
        "where resource = 'orders' order by 1"
    ) == [("2026-03-01", None, 1, 1, 0), ("2026-03-02", None, 1, 1, 0)]


def test_a_record_at_which_a_step_raises_is_rejected_with_its_lines(api: Loopback, loads: Loads) -> None:
    def fail_at_two(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield record
        if record["id"] == 2:
            raise ValueError("no price\nfor it")

    report = loads.run(shop_of(api, [{"map": dict}, {"yield_map": fail_at_two}]), "orders", "lines")
    assert report.errors == {}
    assert loads.rows("select id from orders order by 1") == [(1,), (3,)]
    assert loads.rows("select count(*) from lines where order_id = 2") == [(0,)]
    rejected = loads.rows(
        "select resource, partition_key, primary_key, reasons, record from rejected_rows order by 1 desc"
    )
    (order, line) = rejected
    assert order[:3] == ("orders", "2026-03-01", "2")
    assert "processing_steps[1].yield_map raised ValueError: no price for it" in str(order[3])
    assert json.loads(order[4])["email"] == "bob@example.com"
    assert line[:3] == ("lines", "2026-03-01", "2, 1")
    assert "of a record of orders that was rejected" in str(line[3])


def test_the_lines_of_a_record_stay_while_a_step_fails_at_it(api: Loopback, loads: Loads) -> None:
    fails = False

    def step(record: dict[str, Any]) -> dict[str, Any]:
        return record if not fails else record["missing"]

    shop = shop_of(api, [{"map": step}])
    loads.run(shop, "orders", "lines")
    fails = True
    loads.run(shop, "orders", "lines")
    assert loads.rows("select count(*) from orders") == [(3,)]
    assert loads.rows("select count(*) from lines") == [(3,)]


def test_personal_data_is_protected_where_a_step_puts_it(api: Loopback, loads: Loads) -> None:
    def rename(record: dict[str, Any]) -> dict[str, Any]:
        if record["id"] == 3:
            raise KeyError(record["email"])
        return {"id": record["id"], "at": record["at"], "contact": record["email"], "lines": []}

    shop = shop_of(api, [{"map": rename}], {"contact": {"data_type": "text", "pii": "mask"}})
    assert loads.run(shop, "orders").errors == {}
    assert loads.rows("select id, contact from orders order by 1") == [(1, "***"), (2, "***")]
    ((record, reasons),) = loads.rows("select record, reasons from rejected_rows")
    assert json.loads(record) == {"id": 3, "at": "2026-03-02T01:00:00Z"}
    assert "cem@example.com" not in str(reasons)
    assert "processing_steps[0].map raised KeyError" in str(reasons)


def test_steps_of_a_child_see_the_fields_of_its_parent(api: Loopback, loads: Loads) -> None:
    def text(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "text": f"{record['_orders_id']}-{record['no']}"}

    shop = shop_of(api, [], notes=[{"filter": lambda record: record["no"] == 2, "map": text}])
    report = loads.run(shop, "orders", "notes")
    assert report.errors == {}
    assert loads.rows("select order_id, text from notes order by 1") == [(1, "1-2"), (2, "2-2"), (3, "3-2")]
    assert report.resources["notes"].discarded["records dropped by processing_steps"] == 3


def test_a_child_is_asked_for_with_what_the_steps_of_its_parent_return(api: Loopback, loads: Loads) -> None:
    shop = shop_of(api, [{"filter": lambda record: record["id"] == 3}])
    assert loads.run(shop, "notes").errors == {}
    assert [seen.path for seen in api.seen if "notes" in seen.path] == ["/orders/3/notes"]


def test_a_single_page_is_processed_too(api: Loopback) -> None:
    shop = shop_of(api, [{"map": lambda record: {"id": -record["id"]}}])
    with open_probe(shop) as probe:
        records = probe.records(shop.resource("orders"), (START, START + timedelta(days=2)))
    assert records == [{"id": -1}, {"id": -2}, {"id": -3}]


def test_a_failed_record_is_a_record_like_others() -> None:
    assert FailedRecord({"id": 1}) == {"id": 1}
