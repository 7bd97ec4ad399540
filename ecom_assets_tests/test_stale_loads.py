"""A load that comes late, after another one brought newer states of the same records, does not undo them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ecom_assets.ingest.declaration import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.ingest.loading import RunReport, run_load
from ecom_assets.ingest.locking import Say
from ecom_assets.ingest.warehouse import Warehouse
from ecom_assets.ingest.windows import Window, windows_between
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.faults import REMOVED
from ecom_assets.sandbox.server import Running, serving

UTC = timezone.utc
NOW = datetime(2026, 1, 12, 18, tzinfo=UTC)
WINDOWED = ["customers", "orders", "order_items"]
ORDERS = "/v1/orders"


class Clock:
    """The sandbox's time."""

    now = NOW


class LateWarehouse(Warehouse):
    """A warehouse before whose load, when all is read, something else happens."""

    meanwhile: Callable[[], object]

    @contextmanager
    def transaction(self, say: Say = lambda _: None) -> Iterator[duckdb.DuckDBPyConnection]:
        thread = threading.Thread(target=self.meanwhile)  # as a run of its own
        thread.start()
        thread.join()
        with super().transaction(say) as connection:
            yield connection


class Race:
    """A sandbox whose time moves, and a warehouse that two runs load."""

    def __init__(self, running: Running, file: Path) -> None:
        shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
        client = shop.client.model_copy(update={"base_url": running.base_url})
        self.shop: Shop = shop.model_copy(update={"client": client})
        self.sandbox = running
        self.file = file
        self.reports: list[RunReport] = []
        self.said: list[str] = []

    def run(self, names: list[str], days: int = 0, warehouse: Warehouse | None = None) -> None:
        """Load the last days up to the sandbox's time, or snapshots."""
        report = run_load(
            self.shop,
            names,
            windows(days) if days else (),
            secrets={"api_key": SANDBOX_KEY},
            warehouse=warehouse or Warehouse(self.file, 20),
            progress=self.said.append,
        )
        assert report.errors == {}
        self.reports.append(report)

    def run_late(self, names: list[str], days: int, meanwhile: Callable[[], object]) -> None:
        """Load, and let something happen between the reading and the loading."""
        late = LateWarehouse(self.file, 20)
        late.meanwhile = meanwhile
        before = len(self.reports)
        self.run(names, days, late)
        assert len(self.reports) == before + 2, "what happened meanwhile failed"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with duckdb.connect(str(self.file), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'; use sandbox")
            return connection.execute(sql).fetchall()

    def tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of tables, sorted."""
        return {name: self.rows(f"select * from {name} order by all") for name in names or WINDOWED}

    def order(self, number: int) -> tuple[Any, ...]:
        """Return an order's status, and the ids of its lines."""
        status = self.rows(f"select status from orders where id = {number}")
        lines = self.rows(f"select id from order_items where order_id = {number} order by id")
        return [value for (value,) in status], [value for (value,) in lines]


def windows(days: int) -> tuple[Window, ...]:
    """Return the last daily windows that have begun."""
    partitions = load_shop(BUNDLED_SHOPS / "sandbox.yaml").partitions
    assert partitions
    return windows_between(partitions, datetime(2026, 1, 1, tzinfo=UTC), Clock.now + timedelta(days=1))[
        -days:
    ]


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve 40 orders a day."""
    Clock.now = NOW
    with serving(SandboxSettings(orders_per_day=40, now=lambda: Clock.now)) as running:
        yield running


@pytest.fixture
def race(sandbox: Running, tmp_path: Path) -> Race:
    """Return a race into an empty warehouse."""
    return Race(sandbox, tmp_path / "one.duckdb")


@pytest.fixture
def calm(sandbox: Running, tmp_path: Path) -> Race:
    """Return the same shop with a warehouse for runs one after the other."""
    return Race(sandbox, tmp_path / "two.duckdb")


@pytest.mark.parametrize("before", [True, False], ids=["tables exist", "first load"])
def test_what_is_newer_stays(race: Race, calm: Race, before: bool) -> None:
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


@pytest.mark.parametrize("lines", [[], None], ids=["no lines", "one line"])
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
    # and when the table of the parents is not part of the late run
    sandbox.faults.change(
        ORDERS, number, updated_at="2026-01-12T03:00:00Z", status="old", line_items=[{**line, "id": 78}]
    )
    race.run(["order_items"], 3)
    assert race.order(number) == (["changed"], [entry["id"] for entry in newer])


def test_equal_and_newer_states_replace(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 2)
    ((number, moment),) = race.rows("select id, updated_at from orders order by id limit 1")
    for status, later in (("same", 0), ("later", 1)):
        written = (moment + timedelta(seconds=later)).isoformat()
        sandbox.faults.change(ORDERS, number, updated_at=written, status=status, line_items=[])
        race.run(WINDOWED, 2)
        assert race.order(number) == ([status], [])
    assert not any("newer" in line for line in race.said)


def test_a_newer_state_keeps_the_columns_that_it_has(race: Race, sandbox: Running) -> None:
    race.run(WINDOWED, 2)
    ((first,), (second,)) = race.rows("select id from orders order by id limit 2")

    def changed() -> None:
        Clock.now += timedelta(days=1)
        sandbox.faults.change(ORDERS, first, updated_at="2026-01-13T03:00:00Z", gift="yes")
        race.run(["orders"], 1)

    sandbox.faults.change(ORDERS, second, colour="red", note=REMOVED)
    race.run_late(["orders"], 2, changed)
    found = race.rows(f"select id, gift, colour from orders where id in ({first}, {second}) order by id")
    assert found == [(first, "yes", None), (second, None, "red")]


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
    with duckdb.connect(str(race.file)) as connection:
        connection.execute("update sandbox.load_ledger set loaded_at = loaded_at + interval 1 year")
    sandbox.faults.change("/v1/stores", 1, name="renamed")
    race.run(["stores"])
    assert ("renamed",) in race.rows("select name from stores")
