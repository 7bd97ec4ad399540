"""A load that commits late does not undo the newer states that another load brought meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.run import run_load
from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.races import ORDERS, WINDOWED, Clock, Race
from ecom_assets_tests.support.loads.races import calm as calm
from ecom_assets_tests.support.loads.races import race as race
from ecom_assets_tests.support.loads.races import sandbox as sandbox
from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place


@pytest.mark.parametrize(
    "before", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["tables exist", "first load"]
)
def test_newer_rows_stay(race: Race, calm: Race, before: bool) -> None:
    if before:
        race.run(WINDOWED, 1)
    calm.run(WINDOWED, 3)
    old = calm.tables()

    def a_day_later() -> None:
        Clock.now += timedelta(days=1)
        race.run(WINDOWED, 3)

    race.run_late(WINDOWED, 3, a_day_later)
    calm.run(WINDOWED, 3)
    moved = set(old["orders"]) - set(calm.tables()["orders"])
    assert len(moved) > 20, "too few orders changed meanwhile to show anything"
    assert race.tables() == calm.tables()
    assert any("newer" in line for line in race.said)


@pytest.mark.parametrize(
    "lines", [[], pytest.param(None, marks=pytest.mark.slow)], ids=["no lines", "one line"]
)
def test_children_go_with_the_state_of_their_parent(
    race: Race, sandbox: Running, lines: list[Any] | None
) -> None:
    race.run(WINDOWED, 3)
    ((number,),) = race.rows("select order_id from order_items group by 1 having count(*) = 3 limit 1")
    line = {"id": 77, "product_id": 1, "sku": "a", "quantity": 1, "unit_price": "1.0000"}
    newer = [line] if lines is None else lines

    def changed() -> None:
        Clock.now += timedelta(days=1)
        sandbox.faults.change(
            ORDERS, number, updated_at="2026-01-13T03:00:00Z", status="changed", line_items=newer
        )
        race.run(WINDOWED, 1)

    race.run_late(WINDOWED, 3, changed)
    assert race.order(number) == (["changed"], [entry["id"] for entry in newer])
    # the same holds when the late run does not load the table of the root
    sandbox.faults.change(
        ORDERS, number, updated_at="2026-01-12T03:00:00Z", status="old", line_items=[{**line, "id": 78}]
    )
    race.run(["order_items"], 3)
    assert race.order(number) == (["changed"], [entry["id"] for entry in newer])


@pytest.mark.parametrize(
    "late",
    [["order_items"], pytest.param(["orders", "order_items"], marks=pytest.mark.slow)],
    ids=" and ".join,
)
def test_newer_rows_without_their_root_records_fail_the_load(
    race: Race, sandbox: Running, late: list[str]
) -> None:
    today = datetime.now(timezone.utc)
    Clock.now = today - timedelta(days=3)
    race.run(WINDOWED, 1)
    race.run_late(late, 1, lambda: race.run(["order_items"], 2))
    Clock.now = today
    race.run(WINDOWED, 2)
    ((number,),) = race.rows(
        "select order_id from order_items group by 1 having count(*) = 3 order by 1 desc limit 1"
    )

    def changed() -> None:
        Clock.now += timedelta(minutes=1)
        sandbox.faults.change(ORDERS, number, updated_at=Clock.now.isoformat(), line_items=[])
        Clock.now += timedelta(minutes=1)
        race.run(["order_items"], 1)

    with pytest.raises(
        WarehouseError,
        match="order_items: while this run read, another load wrote newer rows of it without loading orders",
    ):
        race.run_late(late, 2, changed)
    assert race.order(number)[1] == []


def test_equal_and_newer_states_replace(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 2)
    ((number, moment),) = race.rows("select id, updated_at from orders order by id limit 1")
    for status, later in (("same", 0), ("later", 1)):
        written = (moment + timedelta(seconds=later)).isoformat()
        sandbox.faults.change(ORDERS, number, updated_at=written, status=status, line_items=[])
        race.run(WINDOWED, 2)
        assert race.order(number) == ([status], [])
    assert not any("newer" in line for line in race.said)


def test_a_late_snapshot_does_not_replace_a_newer_one(race: Race, sandbox: Running) -> None:
    race.run(["stores"])

    def changed() -> None:
        sandbox.faults.change("/v1/stores", 1, name="renamed")
        sandbox.faults.change("/v1/stores", 2, opened_on="never")
        sandbox.faults.delete("/v1/stores", 3)
        race.run(["stores", "products"])

    race.run_late(["stores", "products"], 0, changed)
    names = dict(race.rows("select id, name from stores"))
    assert names[1] == "renamed"
    assert not {2, 3} & set(names)
    assert race.rows("select primary_key from rejected_rows") == [("2",)]
    race.run(["stores"])
    assert race.rows("select primary_key from rejected_rows") == [("2",)]
    sandbox.faults.clear()
    race.run(["stores"])
    assert len(race.rows("select * from stores")) == 5
    assert race.rows("select primary_key from rejected_rows") == []


def test_rejected_rows_are_those_of_the_newest_reading(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 1)
    ((first,), (second,)) = race.rows("select id from orders order by id limit 2")
    sandbox.faults.change(ORDERS, first, total="a lot")

    def changed() -> None:
        sandbox.faults.clear()
        sandbox.faults.change(ORDERS, second, total="a lot")
        race.run(WINDOWED, 1)

    race.run_late(WINDOWED, 1, changed)
    assert race.rows("select primary_key from rejected_rows") == [(str(second),)]


def test_a_load_from_a_future_by_a_wrong_clock_does_not_stop_later_ones(race: Race, sandbox: Running) -> None:
    race.run(["stores"])
    race.place.write("update sandbox.load_ledger set loaded_at = loaded_at + interval '1 year'")
    sandbox.faults.change("/v1/stores", 1, name="renamed")
    race.run(["stores"])
    assert ("renamed",) in race.rows("select name from stores")


@pytest.mark.parametrize("names", [["things", "parts"], ["parts"]], ids=" and ".join)
def test_keys_of_several_columns_and_cursors_that_are_numbers(place: Place, names: list[str]) -> None:
    whole = {"data_type": "bigint", "nullable": False}
    text = {"data_type": "text", "nullable": False}
    stored: dict[str, Any] = {}

    def answer(_: Seen) -> Reply:
        parts = [{"no": number} for number in stored["parts"]]
        others = [{"shop": "b", "id": 1, "changed": 1_767_226_000, "parts": [{"no": 9}]}]
        thing = {"shop": "a", "id": 1, "changed": 1_767_225_600 + stored["changed"], "parts": parts}
        return json_reply({"data": [thing, *others]})

    with serving() as server:
        server.answering = answer
        incremental = {"cursor_path": "changed", "start_param": "from", "end_param": "to", "format": "unix"}
        shop = Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": server.base_url, "paginator": {"type": "single_page"}},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": ["shop", "id"],
                        "endpoint": {"path": "x", "data_selector": "data", "incremental": incremental},
                        "columns": {"id": whole, "shop": text, "changed": whole},
                    },
                    {
                        "name": "parts",
                        "rows_from": {"resource": "things", "path": "parts"},
                        "include_from_parent": ["id", "shop"],
                        "primary_key": ["thing", "shop", "no"],
                        "columns": {
                            "no": whole,
                            "thing": {**whole, "path": "_things_id"},
                            "shop": {**text, "path": "_things_shop"},
                        },
                    },
                ],
            }
        )

        def load(changed: int, parts: list[int], tables: list[str]) -> list[tuple[Any, ...]]:
            stored.update(changed=changed, parts=parts)
            assert shop.partitions
            days = windows_between(
                shop.partitions, shop.partitions.start, shop.partitions.start + timedelta(1)
            )
            report = run_load(shop, tables, days, warehouse=place.warehouse())
            assert report.errors == {}
            return replace(place, dataset="testshop").rows("select shop, no from parts order by 1, 2")

        assert load(200, [1, 2], ["things", "parts"]) == [("a", 1), ("a", 2), ("b", 9)]
        assert load(100, [3], names) == [("a", 1), ("a", 2), ("b", 9)]
        assert load(200, [4], names) == [("a", 4), ("b", 9)]
        assert load(300, [], names) == [("b", 9)]
