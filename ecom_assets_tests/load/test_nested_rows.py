"""A record that changes during a run, into a window that is read later, keeps the nested rows of its last state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone

import pytest

from ecom_assets.sandbox.server import Running
from ecom_assets_tests.support.loads.races import ORDERS, Clock, Race, sandbox_with_a_clock
from ecom_assets_tests.support.warehouses.engines import Place

TODAY = datetime.now(timezone.utc).replace(minute=30)


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve a sandbox at the real time, as what is read twice must be in a window that is open."""
    with sandbox_with_a_clock() as running:
        Clock.now = TODAY
        yield running


@pytest.mark.parametrize("names", [["orders", "order_items"], ["order_items"]], ids=" and ".join)
def test_lists_of_records_that_move_while_they_are_read(
    sandbox: Running, new_place: Callable[[], Place], names: list[str]
) -> None:
    calm, race = Race(sandbox, new_place()), Race(sandbox, new_place())
    calm.run(["orders", "order_items"], 3)
    yesterday = (TODAY - timedelta(days=1)).date()
    moving = calm.rows(
        "select order_id from order_items join orders on orders.id = order_id "
        f"where updated_at::date = '{yesterday}' group by 1 having count(*) >= 2 order by 1 limit 2"
    )
    (shorter,), (empty,) = moving
    line = {"product_id": 1, "sku": "a", "quantity": 1, "unit_price": "1.0000"}

    def change_today(query: Mapping[str, str]) -> bool:
        if not query["updated_at_min"].startswith(TODAY.date().isoformat()):
            return False
        # two lines with one id: as with all other rows, one of them is kept
        lines = [{**line, "id": 2}, {**line, "id": 2}, {**line, "id": 77}]
        moved = (TODAY - timedelta(minutes=1)).isoformat()
        sandbox.faults.change(ORDERS, shorter, updated_at=moved, line_items=lines)
        sandbox.faults.change(ORDERS, empty, updated_at=moved, line_items=[])
        return True

    # one window after the other, and the change just before the last one
    policy = race.shop.policy.model_copy(update={"concurrency": 1})
    race.shop = race.shop.model_copy(update={"policy": policy})
    sandbox.faults.slow(0, path=ORDERS, when=change_today)
    race.run(names, 3)
    assert any("changed while they were read" in told for told in race.said), "nothing moved"
    calm.run(["orders", "order_items"], 3)
    assert race.tables(*names) == calm.tables(*names)
    assert race.rows(f"select id from order_items where order_id = {shorter} order by id") == [(2,), (77,)]
    assert race.rows(f"select id from order_items where order_id = {empty}") == []
