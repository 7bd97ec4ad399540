"""A warehouse of the version before, the API that it was loaded from, and loads of it with this version."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.upgrades import make_fixtures
from ecom_assets_tests.support.warehouses.engines import SLOWLY, Place

FOLDER = Path(__file__).parent
UTC = timezone.utc


class Former:
    """What a former version loaded, and its API, whose `orders` a test may change."""

    def __init__(self, loopback: Loopback, place: Place, folder: Path) -> None:
        self.loopback = loopback
        self.place = replace(place, dataset="acme")
        self.orders: list[dict[str, Any]] = [
            {**order, "lines": deepcopy(make_fixtures.LINES.get(order["id"], []))}
            for order in make_fixtures.ORDERS
            if order["id"] != make_fixtures.GONE
        ]
        self._file = folder / "acme.yaml"
        text = (FOLDER / "former_shop.yaml").read_text("utf-8")
        self.declare(text.replace("https://api.example.com", loopback.base_url))
        loopback.answering = self._answer

    def declare(self, text: str) -> None:
        """Write the declaration anew."""
        self.text = text
        self._file.write_text(text, "utf-8")

    @property
    def shop(self) -> Shop:
        """Return the declared shop."""
        return load_shop(self._file)

    def windows(self, first: int, last: int) -> Sequence[Window]:
        """Return the windows of days of January."""
        assert self.shop.partitions
        begin, end = (datetime(2026, 1, day, tzinfo=UTC) for day in (first, last + 1))
        return windows_between(self.shop.partitions, begin, end)

    def load(self, first: int, last: int | None = None) -> None:
        """Load days of orders and lines, and require that nothing failed."""
        windows = self.windows(first, last or first)
        report = run_load(self.shop, ["orders", "lines"], windows, warehouse=self.place.warehouse())
        assert report.errors == {}

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        if seen.path == "/stores":
            return json_reply({"data": make_fixtures.STORES, "total": len(make_fixtures.STORES)})
        low, high = query.get("from", ""), query.get("to", "9")
        rows = [row for row in self.orders if low <= row["updated_at"] < high]
        return json_reply({"data": rows, "total": len(rows)})


def restore(place: Place) -> None:
    """Write the warehouse of the former version into an empty place."""
    if place.engine == "duckdb":
        content = gzip.decompress((FOLDER / "warehouse.duckdb.gz").read_bytes())
        Path(place.where).write_bytes(content)
        return
    import psycopg2

    connection = psycopg2.connect(place.where)
    with connection, connection.cursor() as cursor:
        cursor.execute((FOLDER / "warehouse.sql").read_text("utf-8"))
    connection.close()


@pytest.fixture(params=SLOWLY)
def former(
    request: pytest.FixtureRequest, empty_place: Callable[[str], Place], tmp_path: Path
) -> Iterator[Former]:
    """Serve the API of a warehouse that the version before has written."""
    place = empty_place(request.param)
    restore(place)
    with serving() as loopback:
        yield Former(loopback, place, tmp_path)
