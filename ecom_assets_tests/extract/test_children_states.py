"""Children follow the state of their parent record: when it moves to a window, is superseded, or comes twice."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.children_api import ALL, DAYS, Api, Loads, shop_of
from ecom_assets_tests.support.servers.children_api import api as api
from ecom_assets_tests.support.servers.children_api import loads as loads
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.warehouses.engines import before_each_load

NOW = datetime.now(timezone.utc).replace(microsecond=0)
TODAY = NOW.replace(hour=0, minute=0, second=0)
OPEN = tuple(
    Window(start.date().isoformat(), start, start + timedelta(days=1))
    for start in (TODAY - timedelta(days=1), TODAY)
)


@pytest.mark.parametrize("names", [ALL, ["orders", "refunds"], ["refund_lines", "notes"]], ids=" ".join)
def test_a_late_load_leaves_the_children_of_newer_records(api: Api, loads: Loads, names: list[str]) -> None:
    said: list[str] = []

    def meanwhile() -> None:
        api.orders[3] += timedelta(hours=1)
        api.refunds[3] = [{"id": 99, "lines": [{"no": 7}]}]
        api.notes[99] = [5]
        api.orders[1] += timedelta(hours=1)
        api.refunds[1] = []
        loads.run(shop_of(api), ALL)

    late = before_each_load(loads.place.warehouse(), meanwhile)
    report = run_load(shop_of(api), names, DAYS, warehouse=late, progress=said.append)
    assert report.errors == {}
    assert "orders: the warehouse has a newer state of 2 records, which stays" in said
    loads.as_served(api)


def test_a_late_load_fails_where_children_came_without_their_records(api: Api, loads: Loads) -> None:
    api.orders = {number: TODAY - timedelta(hours=number) for number in api.orders}
    loads.run(shop_of(api), ALL, OPEN)

    def meanwhile() -> None:
        api.refunds[3] = []
        loads.run(shop_of(api), ["refunds"], OPEN)

    late = before_each_load(loads.place.warehouse(), meanwhile)
    with pytest.raises(
        WarehouseError,
        match="refunds: while this run read, another load wrote newer rows of it without loading orders",
    ):
        run_load(shop_of(api), ["refunds"], OPEN, warehouse=late)
    assert loads.rows("select id from refunds where order_id = 3") == []


def test_children_of_a_record_that_moves_while_it_is_read_are_those_of_its_last_state(
    api: Api, loads: Loads
) -> None:
    api.orders = {1: TODAY - timedelta(hours=3), 2: TODAY - timedelta(hours=2)}
    api.refunds = {
        1: [{"id": 10, "lines": [{"no": 1}]}, {"id": 11, "lines": []}],
        2: [{"id": 20, "lines": []}],
    }
    api.notes = {10: [1], 11: [2], 12: [3], 20: [1]}
    usual = api.loopback.answering
    assert usual
    asked: list[str] = []

    def moving(seen: Seen) -> Reply:
        if seen.path == "/orders" and dict(seen.query)["from"] == f"{TODAY:%Y-%m-%dT%H:%M:%SZ}":
            api.orders[1] = TODAY
        if seen.path == "/orders/1/refunds" and dict(seen.query)["offset"] == "0":
            asked.append(seen.path)
            if len(asked) > 1:
                # the refunds of the later state
                api.refunds[1] = [{"id": 11, "lines": [{"no": 2}]}, {"id": 12, "lines": []}]
        return usual(seen)

    api.loopback.answering = moving
    shop = shop_of(api)
    shop = shop.model_copy(update={"policy": shop.policy.model_copy(update={"concurrency": 1})})
    said: list[str] = []
    report = run_load(shop, ALL, OPEN, warehouse=loads.place.warehouse(), progress=said.append)
    assert report.errors == {}
    assert len(asked) == 2
    told = "1 records of orders changed while they were read: the last state stays"
    assert {f"{name}: {told}" for name in ("refunds", "refund_lines", "notes")} <= set(said)
    loads.as_served(api)


def test_a_record_that_comes_twice_is_asked_by_its_last_state_only(api: Api, loads: Loads) -> None:
    twice = [
        {"id": 1, "ref": 4, "at": "2026-03-01T05:00:00Z"},
        {"id": "1", "ref": 3, "at": "2026-03-01T01:00:00Z"},
    ]
    api.answers["/orders"] = json_reply({"data": twice, "total": 2})
    shop = shop_of(api, path="orders/{resources.orders.ref}/refunds")
    assert loads.run(shop, ALL, DAYS[:1]).errors == {}
    assert api.asked("/orders/3/refunds") == 0
    assert loads.rows("select order_id, id from refunds order by id") == [(1, 40), (1, 41), (1, 42), (1, 43)]
    assert loads.rows("select count(*) from rejected_rows where resource <> 'orders'") == [(0,)]


def test_a_cursor_may_be_part_of_the_key(api: Api, loads: Loads) -> None:
    shop = shop_of(api)
    orders = shop.resource("orders").model_copy(update={"key_fields": ("id", "at")})
    shop = shop.model_copy(update={"resources": (orders,)})
    assert loads.run(shop, ["orders"]).errors == {}
    assert loads.run(shop, ["orders"]).errors == {}
    assert loads.rows("select id from orders order by 1") == [(number,) for number in sorted(api.orders)]
