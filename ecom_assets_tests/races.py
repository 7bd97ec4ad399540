"""Two runs that race: one reads, the other reads and loads meanwhile, then the first one loads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb

from ecom_assets.ingest.declaration import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.ingest.duckdb_session import DuckDbSession
from ecom_assets.ingest.duckdb_warehouse import DuckDbWarehouse
from ecom_assets.ingest.loading import RunReport, run_load
from ecom_assets.ingest.locking import Say
from ecom_assets.ingest.windows import Window, windows_between
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving

UTC = timezone.utc
NOW = datetime(2026, 1, 12, 18, tzinfo=UTC)
WINDOWED = ["customers", "orders", "order_items"]
ORDERS = "/v1/orders"


class Clock:
    """The sandbox's time."""

    now = NOW


class LateWarehouse(DuckDbWarehouse):
    """A warehouse before whose load, when all is read, something else happens."""

    meanwhile: Callable[[], object]

    @contextmanager
    def transaction(self, dataset: str, say: Say = lambda _: None) -> Iterator[DuckDbSession]:
        thread = threading.Thread(target=self.meanwhile)  # as a run of its own
        thread.start()
        thread.join()
        with super().transaction(dataset, say) as connection:
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

    def run(self, names: list[str], days: int = 0, warehouse: DuckDbWarehouse | None = None) -> None:
        """Load the last days up to the sandbox's time, or snapshots."""
        report = run_load(
            self.shop,
            names,
            windows(days) if days else (),
            secrets={"api_key": SANDBOX_KEY},
            warehouse=warehouse or DuckDbWarehouse(self.file, 20),
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


@contextmanager
def sandbox_with_a_clock() -> Iterator[Running]:
    """Serve 40 orders a day, at the time of `Clock`."""
    Clock.now = NOW
    with serving(SandboxSettings(orders_per_day=40, now=lambda: Clock.now)) as running:
        yield running
