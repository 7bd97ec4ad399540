"""A server of records that a test changes, and a shop that declares no columns for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, serving
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
DECLARATION = """\
name: myshop
client:
  base_url: https://api.example.com/v1
  auth: {type: api_key, name: api_key, location: query}
resource_defaults:
  primary_key: id
  write_disposition: merge
resources:
  - name: orders
    endpoint:
      path: /orders
      data_selector: data
      paginator: {type: offset, limit: 100}
"""
"""The plainest configuration of dlt's REST API source."""


class Records:
    """Answers `/orders` page by page with `orders`, with a total if `total` is set, and filters by `from` and `to`."""

    def __init__(self, loopback: Loopback, place: Place, folder: Path) -> None:
        self.loopback = loopback
        self.place = replace(place, dataset="myshop")
        self.orders: list[Any] = []
        self.total = False
        self.lines: list[str] = []
        self._folder = folder
        loopback.answering = self._answer

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        if query.get("api_key") != "a-key":
            return Reply(401, "{}")
        rows = self.orders
        if "from" in query:
            rows = [row for row in rows if query["from"] <= str(row["updated_at"]) < query["to"]]
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        body: dict[str, Any] = {"data": rows[offset : offset + limit]}
        if self.total:
            body["total"] = len(rows)
        return Reply(body=json.dumps(body), headers={"Content-Type": "application/json"})

    def shop(self, **changes: Any) -> Shop:
        """Return the shop of `DECLARATION` at this server; `changes` are keys of its resource."""
        document = yaml.safe_load(DECLARATION)
        document["client"] |= {"base_url": self.loopback.base_url}
        resource = document["resources"][0]
        if self.total:
            resource["endpoint"]["paginator"]["total_path"] = "total"
        resource["endpoint"] |= changes.pop("endpoint", {})
        document |= changes.pop("shop", {})
        document["resources"] += changes.pop("more", [])
        resource |= changes
        file = self._folder / "myshop.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return load_shop(file)

    def windowed(self, form: str = "iso8601", **changes: Any) -> Shop:
        """Return the shop with days as windows."""
        window = {"cursor_path": "updated_at", "start_param": "from", "end_param": "to", "format": form}
        return self.shop(
            endpoint={"incremental": window},
            shop={"partitions": {"every": "day", "start": "2026-01-01"}},
            **changes,
        )

    def load(
        self,
        *orders: Any,
        shop: Shop | None = None,
        days: int = 0,
        names: Sequence[str] = ("orders",),
        warehouse: Warehouse | None = None,
        pii: bool = False,
    ) -> RunReport:
        """Load these orders, with `days` as that many windows, and require that nothing failed."""
        report = self.try_load(*orders, shop=shop, days=days, names=names, warehouse=warehouse, pii=pii)
        assert report.errors == {}
        return report

    def try_load(
        self,
        *orders: Any,
        shop: Shop | None = None,
        days: int = 0,
        names: Sequence[str] = ("orders",),
        warehouse: Warehouse | None = None,
        pii: bool = False,
    ) -> RunReport:
        """Load these orders, with `days` as that many windows; `pii` gives the key of hashed columns."""
        self.orders = list(orders)
        shop = shop or self.shop()
        windows: Sequence[Window] = ()
        if shop.partitions and days:
            windows = windows_between(
                shop.partitions, shop.partitions.start, datetime(2026, 1, 1 + days, tzinfo=UTC)
            )
        self.lines = []
        return run_load(
            shop,
            names,
            windows,
            secrets={"api_key": "a-key", **({"pii_key": "a-pii-key"} if pii else {})},
            warehouse=warehouse or self.place.warehouse(),
            progress=self.lines.append,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self.place.rows(sql)

    def types(self, table: str = "orders") -> dict[str, str]:
        """Return the types of a table's columns, in dlt's words."""
        with self.place.warehouse().read(self.place.dataset) as transaction:
            found = transaction.columns_of(self.place.dataset)[table]
            columns = {
                name: transaction.column_of(name, kind)
                for name, kind in found.items()
                if not name.startswith("_dlt")
            }
        return {name: column.data_type for name, column in columns.items() if column}


@pytest.fixture
def records(place: Place, tmp_path: Path) -> Iterator[Records]:
    with serving() as loopback:
        yield Records(loopback, place, tmp_path)


@pytest.fixture
def new_records(new_place: Callable[[], Place], tmp_path: Path) -> Iterator[Callable[[], Records]]:
    """Return a function that makes an empty warehouse for the same server."""
    with serving() as loopback:
        yield lambda: Records(loopback, new_place(), tmp_path)
