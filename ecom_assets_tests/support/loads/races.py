"""Two runs that race: one reads, then the other one reads and loads, then the first one loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load

UTC = timezone.utc
NOW = datetime(2026, 1, 12, 18, tzinfo=UTC)
WINDOWED = ["customers", "orders", "order_items"]
ORDERS = "/v1/orders"


class Clock:
    """The sandbox's time."""

    now = NOW


class Race:
    """A sandbox whose time moves, and a warehouse that two runs load."""

    def __init__(self, running: Running, place: Place) -> None:
        shop = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
        client = shop.client.model_copy(update={"base_url": running.base_url})
        self.shop: Shop = shop.model_copy(update={"client": client})
        self.sandbox = running
        self.place = place
        self.reports: list[RunReport] = []
        self.said: list[str] = []

    def run(self, names: list[str], days: int = 0, warehouse: Warehouse | None = None) -> None:
        """Load the last days up to the sandbox's time, or snapshots."""
        report = run_load(
            self.shop,
            names,
            windows(days) if days else (),
            secrets={"api_key": SANDBOX_KEY},
            warehouse=warehouse or self.place.warehouse(),
            progress=self.said.append,
        )
        assert report.errors == {}
        self.reports.append(report)

    def run_late(self, names: list[str], days: int, meanwhile: Callable[[], object]) -> None:
        """Load, and let something happen between the reading and the loading."""
        before = len(self.reports)
        self.run(names, days, before_each_load(self.place.warehouse(), meanwhile))
        assert len(self.reports) == before + 2, "what happened meanwhile failed"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)

    def tables(self, *names: str) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows of tables, sorted."""
        return self.place.whole_tables(*(names or WINDOWED))

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


@contextmanager
def sandbox_with_a_clock() -> Iterator[Running]:
    """Serve 40 orders a day, at the time of `Clock`."""
    Clock.now = NOW
    with serving(SandboxSettings(orders_per_day=40, now=lambda: Clock.now)) as running:
        yield running


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve a sandbox."""
    with sandbox_with_a_clock() as running:
        yield running


@pytest.fixture
def race(sandbox: Running, new_place: Callable[[], Place]) -> Race:
    """Return a race into an empty warehouse."""
    return Race(sandbox, new_place())


@pytest.fixture
def calm(sandbox: Running, new_place: Callable[[], Place]) -> Race:
    """Return the same shop with a warehouse for runs one after the other."""
    return Race(sandbox, new_place())
