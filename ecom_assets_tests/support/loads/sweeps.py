"""Delete detection on the bundled shop: `deletes: sweep` for its orders, a real sandbox and a real warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.dagster.dagster_runs import declare
from ecom_assets_tests.support.warehouses.engines import SLOWLY, Place

NOW = datetime(2026, 1, 6, tzinfo=timezone.utc)
"""When the sandbox's clock stands still: all windows before it are closed, and hold all of its orders."""

ORDERS = "/v1/orders"
PLAIN = "    endpoint: {path: /v1/orders}\n"
SWEPT = f"{PLAIN}    deletes: sweep\n"


class Sweeps:
    """A shop at a sandbox, and a warehouse."""

    def __init__(
        self,
        api: Running,
        folder: Path,
        *changes: tuple[str, str],
        swept: str = SWEPT,
        place: Place,
    ) -> None:
        """Declare the shop with pieces of its text replaced, orders with `swept` in place of their endpoint."""
        self.folder = folder / "shops"
        self.changes = (('base_url: "sandbox://"', f'base_url: "{api.base_url}"'), *changes)
        self.shop = self.shop_with(swept)
        self.place = place
        self.warehouse = self.place.warehouse()
        assert self.shop.partitions
        self.windows = windows_between(self.shop.partitions, self.shop.partitions.start, NOW)

    def shop_with(self, swept: str) -> Shop:
        """Return the shop with something else in place of the endpoint of orders."""
        return load_shop(declare(self.folder, (PLAIN, swept), *self.changes) / "sandbox.yaml")

    def load(self, windows: tuple[Window, ...] | None = None, *names: str) -> RunReport:
        """Load windows (all unless given) of orders, and of what else is named."""
        report = run_load(
            self.shop,
            ["orders", *names],
            self.windows if windows is None else windows,
            secrets={"api_key": SANDBOX_KEY},
            warehouse=self.warehouse,
        )
        assert report.errors == {}
        return report

    def sweep(self, shop: Shop | None = None, resource: str = "orders") -> DeleteDetectionReport:
        """Run the delete detection, of orders unless another resource is named."""
        return detect_deletes(
            shop or self.shop, resource, secrets={"api_key": SANDBOX_KEY}, warehouse=self.warehouse
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)

    def ids(self, condition: str = "true") -> list[int]:
        """Return the ids of orders for which a condition holds."""
        return [row[0] for row in self.rows(f"select id from sandbox.orders where {condition} order by id")]

    def marked(self) -> dict[int, datetime]:
        """Return when each deleted order was found to be."""
        return dict(self.rows("select id, deleted_at from sandbox.orders where deleted_at is not null"))

    def tables(self) -> list[list[tuple[Any, ...]]]:
        """Return all rows of orders and of the ledger."""
        return [self.place.table(name) for name in ("orders", "load_ledger")]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Serve 50 orders a day at an instant that does not move."""
    with serving(SandboxSettings(orders_per_day=50, now=NOW)) as running:
        yield running


@pytest.fixture
def api(server: Running) -> Running:
    """Return the server without faults."""
    server.faults.clear()
    server.log.clear()
    return server


@pytest.fixture(scope="module", params=SLOWLY)
def loaded(
    request: pytest.FixtureRequest,
    server: Running,
    tmp_path_factory: pytest.TempPathFactory,
    empty_place: Callable[[str], Place],
) -> Place:
    """Return a warehouse with all orders."""
    server.faults.clear()
    found = Sweeps(server, tmp_path_factory.mktemp("loaded"), place=empty_place(request.param))
    found.load()
    return found.place


@pytest.fixture
def sweeps(loaded: Place, api: Running, tmp_path: Path, copy_of: Callable[[Place], Place]) -> Sweeps:
    """Return the shop with all its orders loaded."""
    return Sweeps(api, tmp_path, place=copy_of(loaded))
