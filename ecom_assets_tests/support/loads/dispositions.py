"""A server of things with a declared write disposition, and loads of it, also two that interleave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load

UTC = timezone.utc
WHOLE = {"data_type": "bigint", "nullable": False}
TEXT = {"data_type": "text"}
INSTANT = {"data_type": "timestamp", "nullable": False}
SCD2 = {"disposition": "merge", "strategy": "scd2"}


def at(day: int, hour: int = 12) -> datetime:
    """Return an instant of a day, counted from the first of January 2026."""
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=day - 1)


def thing(number: int, name: str, day: int = 1, hour: int = 12, **fields: Any) -> dict[str, Any]:
    """Return a record that changed on a day of January 2026."""
    return {"id": number, "name": name, "changed": at(day, hour).isoformat(), **fields}


class Things:
    """Things at a server that answers windows, or all of them, and the warehouse that they are loaded into."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = replace(place, dataset="testshop")
        self.records: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.declared: dict[str, Any] = {}
        self.windowed = False
        self.others: list[dict[str, Any]] = []
        self.loopback = loopback
        loopback.answering = self._answer

    def declare(
        self, disposition: Any, *, windowed: bool, others: Sequence[dict[str, Any]] = (), **keys: Any
    ) -> None:
        """Choose the write disposition, and other keys of the resource; `others` are further resources."""
        self.declared = {"write_disposition": disposition, **keys}
        self.windowed, self.others = windowed, list(others)

    @property
    def shop(self) -> Shop:
        """Return the declared shop."""
        endpoint: dict[str, Any] = {"path": "things", "data_selector": "data"}
        if self.windowed:
            endpoint["incremental"] = {"cursor_path": "changed", "start_param": "from", "end_param": "to"}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {
                    "base_url": self.loopback.base_url,
                    "paginator": {"type": "single_page", "total_path": "total"},
                },
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": "id",
                        "endpoint": endpoint,
                        "columns": {"id": WHOLE, "name": TEXT, "changed": INSTANT},
                        **self.declared,
                    },
                    *self.others,
                ],
            }
        )

    def load(
        self,
        *records: dict[str, Any],
        days: Sequence[int] = (1,),
        warehouse: Warehouse | None = None,
        names: Sequence[str] = (),
    ) -> RunReport:
        """Load some days, or all, with these records at the server."""
        self.records = list(records)
        shop = self.shop
        assert shop.partitions
        windows = [
            window
            for day in days
            for window in windows_between(shop.partitions, at(day, 0), at(day, 0) + timedelta(days=1))
        ]
        report = run_load(
            shop,
            names or [resource.name for resource in shop.resources],
            windows if self.windowed else (),
            warehouse=warehouse or self.place.warehouse(),
            progress=self.said.append,
        )
        assert report.errors == {}
        return report

    def load_late(
        self, *records: dict[str, Any], meanwhile: Callable[[], object], days: Sequence[int] = (1,)
    ) -> None:
        """Load, and let something happen after the reading and before the commit."""
        happened: list[None] = []

        def happens() -> None:
            meanwhile()
            happened.append(None)

        self.load(*records, days=days, warehouse=before_each_load(self.place.warehouse(), happens))
        assert happened == [None], "what happened meanwhile failed"

    def sweep(self, *records: dict[str, Any], warehouse: Warehouse | None = None) -> DeleteDetectionReport:
        """Detect deletes with these records at the server."""
        self.records = list(records)
        return detect_deletes(
            self.shop,
            "things",
            warehouse=warehouse or self.place.warehouse(),
            progress=self.said.append,
        )

    def rows(self, columns: str = "id, name", table: str = "things") -> list[tuple[Any, ...]]:
        """Return columns of a table, sorted."""
        found = self.place.rows(f"select {columns} from {table}")
        return sorted(found, key=lambda row: tuple((value is None, value) for value in row))

    def _answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        rows = self.records
        if "from" in query:
            low, high = (
                datetime.fromisoformat(query[name].replace("Z", "+00:00")) for name in ("from", "to")
            )
            rows = [row for row in rows if low <= datetime.fromisoformat(row["changed"]) < high]
        return json_reply({"data": rows, "total": len(rows)})


@pytest.fixture
def things(place: Place) -> Iterator[Things]:
    """Serve things that are loaded into an empty warehouse."""
    with serving() as loopback:
        yield Things(loopback, place)
