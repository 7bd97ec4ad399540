"""Cursors with holes: an update time that is null until the first edit, and the fields that stand in for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.api.fallback import Fallback
from ecom_assets.declaration.reading import Incremental, Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
FIELDS = {"updated": "updated_at", "created": "created_at", "placed": "placed_at"}


def at(day: float) -> str:
    return (START + timedelta(days=day)).isoformat().replace("+00:00", "Z")


class Api:
    """Orders in pages of two, filtered by one of three times."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.base_url, self.place = loopback.base_url, place
        self.records: list[dict[str, Any]] = []
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        rows = self.records
        for name, field in FIELDS.items():
            if f"{name}_from" in query:
                low, high = query[f"{name}_from"], query[f"{name}_to"]
                rows = [row for row in rows if row[field] and low <= row[field] < high]
        start = 2 * int(query.get("page", 1)) - 2
        return json_reply({"data": rows[start : start + 2], "total": len(rows)})

    def load(self, *fallbacks: str, days: int = 3, **incremental: Any) -> RunReport:
        def filtered(name: str) -> dict[str, Any]:
            return {
                "cursor_path": FIELDS[name],
                **({} if incremental else {"start_param": f"{name}_from", "end_param": f"{name}_to"}),
            }

        cursor = {**filtered("updated"), "fallbacks": [filtered(name) for name in fallbacks], **incremental}
        shop = Shop.model_validate(
            {
                "name": "testshop",
                "client": {
                    "base_url": self.base_url,
                    "paginator": {"type": "page_number", "base_page": 1, "total_path": "total"},
                },
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "orders",
                        "primary_key": "id",
                        "endpoint": {"path": "orders", "data_selector": "data", "incremental": cursor},
                        "columns": {"id": {"data_type": "bigint"}, "updated_at": {"data_type": "timestamp"}},
                        "schema_contract": {"columns": "discard_value"},
                    }
                ],
            }
        )
        assert shop.partitions
        windows = windows_between(shop.partitions, START, START + timedelta(days=days))
        return run_load(shop, ["orders"], windows, warehouse=self.place.warehouse())

    def rows(self) -> list[tuple[int, str]]:
        found = self.place.rows("select id, updated_at from testshop.orders order by id")
        return [
            (number, when.astimezone(timezone.utc).isoformat().replace("+00:00", "Z"))
            for number, when in found
        ]


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    with serving() as loopback:
        yield Api(loopback, place)


def order(
    number: int, created: float | None, updated: float | None = None, placed: float | None = None
) -> Any:
    times = {"created_at": created, "updated_at": updated, "placed_at": placed}
    return {"id": number, **{name: None if day is None else at(day) for name, day in times.items()}}


def test_orders_that_nobody_has_edited_come_by_their_creation(api: Api) -> None:
    """Of five unedited orders in one window, which take three pages; an edited one stays in its own window."""
    api.records = [order(no, 0.1 * no) for no in range(5)] + [order(7, 0.2, 2.5), order(8, 1.5, 1.7)]
    report = api.load("created")
    assert report.errors == {}
    assert api.rows() == [*((no, at(0.1 * no)) for no in range(5)), (7, at(2.5)), (8, at(1.7))]
    windows = report.resources["orders"].windows
    assert [(window.fetched, window.source_total) for window in windows] == [(5, 5), (1, 1), (1, 1)]
    api.records[0] |= {"updated_at": at(2.2)}
    assert api.load("created").errors == {}
    assert api.rows()[0] == (0, at(2.2))


def test_several_fallbacks_in_their_order(api: Api) -> None:
    api.records = [
        order(1, 0.5),
        order(2, None, placed=1.5),
        order(3, 2.5, placed=0.5),
        order(4, 0.1, 0.2, 0.3),
    ]
    assert api.load("created", "placed").errors == {}
    assert api.rows() == [(1, at(0.5)), (2, at(1.5)), (3, at(2.5)), (4, at(0.2))]


def test_an_api_without_a_filter_takes_one_list(api: Api) -> None:
    api.records = [order(1, 0.5), order(2, 0.1, 1.5)]
    assert api.load("created", server_filter=False).errors == {}
    assert api.rows() == [(1, at(0.5)), (2, at(1.5))]


def test_a_record_without_any_of_the_times_is_in_no_window(api: Api) -> None:
    api.records = [order(1, 0.5), order(2, None)]
    assert api.load("created").errors == {}
    assert api.rows() == [(1, at(0.5))]


def test_a_list_of_cursors_is_short_for_fallbacks(api: Api) -> None:
    """In a load, and next to the long form."""
    api.records = [order(1, 0.5), order(2, None, placed=1.5), order(3, 0.1, 2.5)]
    short: dict[str, Any] = {
        "cursor_path": ["updated_at", "created_at", "placed_at"],
        "start_param": ["updated_from", "created_from", "placed_from"],
        "end_param": ["updated_to", "created_to", "placed_to"],
    }
    assert api.load(**short, fallbacks=None).errors == {}
    assert api.rows() == [(1, at(0.5)), (2, at(1.5)), (3, at(2.5))]
    assert Incremental.model_validate(short) == Incremental(
        cursor_path="updated_at",
        start_param="updated_from",
        end_param="updated_to",
        fallbacks=tuple(
            Fallback(cursor_path=FIELDS[name], start_param=f"{name}_from", end_param=f"{name}_to")
            for name in ("created", "placed")
        ),
    )


def test_a_list_of_cursors_without_a_filter(api: Api) -> None:
    api.records = [order(1, 0.5), order(2, 0.1, 1.5)]
    cursors = ["updated_at", "created_at"]
    assert api.load(cursor_path=cursors, fallbacks=None, server_filter=False).errors == {}
    assert api.rows() == [(1, at(0.5)), (2, at(1.5))]
