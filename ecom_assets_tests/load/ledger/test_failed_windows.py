"""One window of a range fails: the others load, it is named, and the run fails at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.errors import ApiError
from ecom_assets.load.ledger.status import status
from ecom_assets.load.run import RunReport, run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

UTC = timezone.utc
START = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = {"data_type": "bigint", "nullable": False}


class Days:
    """An API with one order, of one line, at each noon; `wrong` replaces the reply to a day."""

    def __init__(self, server: Loopback, place: Place) -> None:
        self.wrong: dict[int, Callable[[], Reply]] = {}
        self.requests: list[int] = []
        self.place = place
        self.lines: list[str] = []
        server.answering = self._answer
        self.shop = Shop.model_validate(
            {
                "name": "testshop",
                "client": {
                    "base_url": server.base_url,
                    "paginator": {"type": "single_page", "total_path": "total"},
                },
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "orders",
                        "primary_key": "id",
                        "endpoint": {
                            "path": "orders",
                            "data_selector": "data",
                            "incremental": {
                                "cursor_path": "updated_at",
                                "start_param": "from",
                                "end_param": "to",
                            },
                        },
                        "columns": {"id": WHOLE, "updated_at": {"data_type": "timestamp", "nullable": False}},
                    },
                    {
                        "name": "lines",
                        "primary_key": ["order_id", "id"],
                        "rows_from": {"resource": "orders", "path": "lines"},
                        "include_from_parent": ["id"],
                        "columns": {"order_id": {**WHOLE, "path": "_orders_id"}, "id": WHOLE},
                    },
                    {
                        "name": "notes",
                        "primary_key": ["order_id", "id"],
                        "include_from_parent": ["id"],
                        "endpoint": {"path": "orders/{resources.orders.id}/notes", "data_selector": "data"},
                        "columns": {"order_id": {**WHOLE, "path": "_orders_id"}, "id": WHOLE},
                    },
                ],
            }
        )

    def _answer(self, seen: Seen) -> Reply:
        if seen.path.endswith("/notes"):
            return json_reply({"data": [{"id": 1}], "total": 1})
        day = int(dict(seen.query)["from"][8:10])
        self.requests.append(day)
        order = {"id": day, "updated_at": f"2026-01-{day:02}T12:00:00Z", "lines": [{"id": 1}]}
        return self.wrong[day]() if day in self.wrong else json_reply({"data": [order], "total": 1})

    def load(self, days: int, *tables: str) -> RunReport:
        """Load the first days of January."""
        windows = self.windows(days)
        return run_load(
            self.shop,
            tables or ("orders", "lines", "notes"),
            windows,
            warehouse=self.place.warehouse(),
            progress=self.lines.append,
        )

    def windows(self, days: int) -> tuple[Window, ...]:
        """Return the first days of January."""
        assert self.shop.partitions
        return windows_between(self.shop.partitions, START, START + timedelta(days=days))


@pytest.fixture
def days(new_place: Callable[[], Place]) -> Iterator[Days]:
    with serving() as server:
        place = new_place()
        yield Days(server, Place(place.engine, place.where, "testshop"))


WRONG: dict[str, Callable[[], Reply]] = {
    "status": lambda: Reply(500, "broken"),
    "no JSON": lambda: Reply(200, "<html>"),
    "no list": lambda: json_reply({"error": "busy"}),
    "wrong total": lambda: json_reply({"data": [], "total": 7}),
    "another month": lambda: json_reply(
        {"data": [{"id": 1, "updated_at": "2025-01-01T00:00:00Z"}], "total": 1}
    ),
}


def test_windows_that_fail_for_one_reason_are_told_with_it_once(days: Days) -> None:
    days.wrong = {2: WRONG["status"], 3: WRONG["no JSON"], 5: WRONG["status"], 6: WRONG["status"]}
    (first, second) = (
        str(days.load(20).errors["orders"]).removeprefix("4 of 20 windows failed, ").split("; 2026")
    )
    assert first.startswith("the others were loaded: 2026-01-02, 2026-01-05, 2026-01-06: ")
    assert (first.count("500"), second.partition(":")[0]) == (1, "-01-03")


def test_one_bad_window_of_twenty_is_named_and_the_others_are_loaded(days: Days) -> None:
    days.wrong = {5: WRONG["status"]}
    report = days.load(20)
    loaded = [day for day in range(1, 21) if day != 5]
    assert sorted(days.requests) == list(range(1, 21)), "each window is read once"
    for name in ("orders", "lines", "notes"):
        entry = report.resources[name]
        assert entry.error is None
        assert [int(str(window.partition_key)[-2:]) for window in entry.windows] == loaded
        assert list(entry.failed_windows) == ["2026-01-05"]
        assert str(report.errors[name]).startswith(
            "1 of 20 windows failed, the others were loaded: 2026-01-05: "
        )
        assert "500" in str(report.errors[name])
    assert days.place.rows("select id from orders order by id") == [(day,) for day in loaded]
    assert days.place.rows("select count(*) from lines") == days.place.rows("select count(*) from notes")
    assert days.place.rows("select count(*) from load_ledger") == [(57,)]
    now = START + timedelta(days=20)
    assert {entry.bar for entry in status(days.shop, days.place.warehouse(), now)} == {"████·" + "█" * 15}
    days.wrong = {}
    assert days.load(20).errors == {}
    assert days.place.rows("select count(*) from orders") == [(20,)]


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in WRONG])
def test_whatever_is_wrong_with_a_window(days: Days, kind: str) -> None:
    days.wrong = {1: WRONG[kind], 4: WRONG[kind]}
    report = days.load(6, "orders")
    assert list(report.resources["orders"].failed_windows) == ["2026-01-01", "2026-01-04"]
    assert days.place.rows("select id from orders order by id") == [(2,), (3,), (5,), (6,)]


def test_an_api_that_is_down_is_not_asked_for_each_window(days: Days, tmp_path: Path) -> None:
    days.wrong = dict.fromkeys(range(1, 31), WRONG["status"])
    report = days.load(30, "orders")
    assert isinstance(report.resources["orders"].error, ApiError)
    assert "500" in str(report.resources["orders"].error)
    assert len(days.requests) < 20
    assert report.resources["orders"].failed_windows == {}


def test_all_windows_of_a_short_range_fail_as_the_resource(days: Days) -> None:
    days.wrong = dict.fromkeys((1, 2), WRONG["no JSON"])
    report = days.load(2, "orders", "lines")
    assert {name: str(error) for name, error in report.errors.items()}.keys() == {"orders", "lines"}
    assert all(entry.error and not entry.windows for entry in report.resources.values())
