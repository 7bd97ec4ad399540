"""An API that takes only the start of a time range, dlt's configuration of it, and loads of it that read on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecom_assets.declaration.from_python.shop import rest_api_shop
from ecom_assets.declaration.reading import Shop
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.warehouse import Warehouse
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place, before_each_load

FIRST = "2024-01-01T00:00:00Z"


def instant(day: int, hour: int = 12) -> str:
    """Return an instant of a day of January 2024, as the API writes it."""
    return f"2024-01-{day:02}T{hour:02}:00:00Z"


def change(number: int, cursor: Any, name: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a record with a cursor."""
    return {"id": number, "name": name, "updated_at": cursor, **fields}


def forget_columns(place: Place, table: str, columns: Sequence[str]) -> None:
    """Take columns out of a table and out of dlt's schema, as if an earlier version had made the table."""
    place.write(
        *(f'alter table "{place.dataset}"."{table}" drop column {column}' for column in columns),
        f'delete from "{place.dataset}"."_dlt_version"',
    )


class Changes:
    """Records at a server that answers from `since` on, in pages, and the warehouse that they are loaded into.

    Attributes:
        records: The records at the server.
        includes_start: Whether the server returns records whose cursor is `since`.
        total: Whether the server says how many records there are.
        said: The lines about progress.
        loopback: The server.
        asked: The value of `since` of each first page of a list, in order; None without one.
    """

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = replace(place, dataset="acme")
        self.records: list[dict[str, Any]] = []
        self.includes_start = True
        self.total = True
        self.said: list[str] = []
        self.asked: list[str | None] = []
        self.incremental: dict[str, Any] = {
            "cursor_path": "updated_at",
            "start_param": "since",
            "initial_value": FIRST,
        }
        self.endpoint: dict[str, Any] = {}
        self.resource: dict[str, Any] = {}
        self.others: list[dict[str, Any]] = []
        self.policy: dict[str, Any] = {"max_retries": 0}
        self.loopback = loopback
        loopback.answering = self.answer

    @property
    def config(self) -> dict[str, Any]:
        """Return the configuration in dlt's words."""
        paginator: dict[str, Any] = {"type": "offset", "limit": 2}
        paginator["total_path"] = "total" if self.total else None
        endpoint: dict[str, Any] = {"path": "changes", "data_selector": "data", "paginator": paginator}
        if self.incremental:
            endpoint["incremental"] = self.incremental
        return {
            "client": {"base_url": self.loopback.base_url},
            "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
            "resources": [
                {"name": "changes", "endpoint": {**endpoint, **self.endpoint}, **self.resource},
                *self.others,
            ],
        }

    @property
    def shop(self) -> Shop:
        """Return the declared shop."""
        return rest_api_shop("acme", self.config, policy=self.policy)

    def load(
        self,
        *records: dict[str, Any],
        since: str | None = None,
        warehouse: Warehouse | None = None,
        names: tuple[str, ...] = (),
        fails: bool = False,
    ) -> RunReport:
        """Load with these records at the server, or with those that are there."""
        self.records = list(records) or self.records
        shop = self.shop
        report = run_load(
            shop,
            names or [resource.name for resource in shop.tables],
            warehouse=warehouse or self.place.warehouse(),
            progress=self.said.append,
            since=since,
        )
        assert bool(report.errors) is fails, report.errors
        return report

    def load_late(self, *records: dict[str, Any], meanwhile: Callable[[], object]) -> None:
        """Load, and let something happen after the reading and before the commit."""
        happened: list[None] = []

        def happens() -> None:
            if not happened:
                happened.append(None)
                meanwhile()

        self.load(*records, warehouse=before_each_load(self.place.warehouse(), happens))
        assert happened == [None]

    def rows(self, columns: str = "id, name", table: str = "changes") -> list[tuple[Any, ...]]:
        """Return columns of a table, sorted."""
        return sorted(self.place.rows(f"select {columns} from {table}"), key=repr)

    def cursors(self, resource: str = "changes") -> list[tuple[str | None, str | None]]:
        """Return the cursors in the ledger, load by load."""
        sql = "select cursor_from, cursor_to from load_ledger where resource = ? order by loaded_at"
        return self.place.rows(sql, [resource])

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        since, offset = query.get("since"), int(query.get("offset", 0))
        if offset == 0:
            self.asked.append(since)
        rows = [row for row in self.records if since is None or self._is_after(row, since)]
        page = rows[offset : offset + int(query.get("limit", len(rows)))]
        return json_reply({"data": page} | ({"total": len(rows)} if self.total else {}))

    def _is_after(self, row: dict[str, Any], since: str) -> bool:
        cursor = row["updated_at"]
        if cursor is None:
            return True
        start = type(cursor)(since)
        return bool(cursor >= start if self.includes_start else cursor > start)


@pytest.fixture
def changes(place: Place) -> Iterator[Changes]:
    """Serve changes that are loaded into an empty warehouse."""
    with serving() as loopback:
        yield Changes(loopback, place)
