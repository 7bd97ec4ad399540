"""`cursor: window`: no field of a record tells its window, so a record belongs to the window it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Api:
    """Visits in pages of two. Their day is only in the request."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.base_url, self.place = loopback.base_url, place
        self.days = {number: f"2026-01-0{number % 3 + 1}" for number in range(9)}
        self.filters = True
        self.extra: dict[str, Any] = {}
        self.states: Iterator[int] | None = None
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        low, high = (
            (query.get("from", "") if self.filters else ""),
            (query.get("to", "9") if self.filters else "9"),
        )
        state = next(self.states) if self.states else 0
        rows = [
            {"id": number, "state": state, **self.extra}
            for number, day in self.days.items()
            if low <= f"{day}T10" < high
        ]
        first = 2 * int(query.get("page", 1)) - 2
        return json_reply({"data": rows[first : first + 2], "total": len(rows)})

    def shop(self, incremental: dict[str, Any] | None = None, **resource: Any) -> Shop:
        window = {"cursor": "window", "start_param": "from", "end_param": "to", **(incremental or {})}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {
                    "base_url": self.base_url,
                    "paginator": {"type": "page_number", "base_page": 1, "total_path": "total"},
                },
                "policy": {"max_retries": 0, "lookback": 3600},
                "partitions": {"every": "day", "start": "2026-01-01"},
                "resources": [
                    {
                        "name": "visits",
                        "primary_key": "id",
                        "endpoint": {"path": "visits", "data_selector": "data", "incremental": window},
                        "columns": {"id": {"data_type": "bigint"}, "state": {"data_type": "bigint"}},
                        **resource,
                    }
                ],
            }
        )

    def load(self, shop: Shop, first: int = 0, days: int = 3) -> RunReport:
        assert shop.partitions
        begin = START + timedelta(days=first)
        windows = windows_between(shop.partitions, begin, begin + timedelta(days=days))
        return run_load(shop, ["visits"], windows, warehouse=self.place.warehouse())

    def rows(self, column: str = "window_start") -> list[tuple[int, str]]:
        found = self.place.rows(f"select id, {column} from testshop.visits order by id")
        return [(number, str(when.astimezone(timezone.utc).date())) for number, when in found]


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    with serving() as loopback:
        yield Api(loopback, place)


@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_a_record_belongs_to_the_window_it_was_asked_for(api: Api, disposition: str) -> None:
    shop = api.shop(write_disposition=disposition)
    report = api.load(shop)
    assert report.errors == {}
    assert api.rows() == list(api.days.items())
    assert [window.kept for window in report.resources["visits"].windows] == [3, 3, 3]
    del api.days[0]
    assert api.load(shop, days=1).errors == {}
    gone = [] if disposition == "append" else [(0, "2026-01-01")]
    assert api.rows() == sorted([*api.days.items(), *gone])
    assert [entry.detail for entry in check(shop) if entry.result == "failed"] == []


def test_the_column_may_have_another_name(api: Api) -> None:
    api.extra = {"window_start": "elsewhere"}
    error = api.load(api.shop()).errors["visits"]
    assert "visits: the records have a field window_start, which cursor: window would replace" in str(error)
    columns = {"id": {"data_type": "bigint"}, "day": {"data_type": "timestamp"}}
    shop = api.shop({"cursor_path": "day"}, columns=columns, schema_contract={"columns": "discard_value"})
    assert api.load(shop).errors == {}
    assert api.rows("day") == list(api.days.items())


def test_the_later_of_two_windows_keeps_a_record(api: Api) -> None:
    shop = api.shop()
    assert api.load(shop).errors == {}
    api.days[0] = "2026-01-03"
    assert api.load(shop, first=2, days=1).errors == {}
    assert api.rows()[0] == (0, "2026-01-03")
    assert api.load(shop, days=2).errors == {}
    assert api.rows()[0] == (0, "2026-01-03")


def test_the_start_of_a_window_does_not_verify_its_pages(api: Api) -> None:
    """The states of a list that moves differ between two readings, although each cursor is old."""
    api.states = iter(range(10_000))
    assert "differ between two readings" in str(api.load(api.shop()).errors["visits"])


def test_check_finds_a_filter_that_is_ignored(api: Api) -> None:
    api.filters = False
    failed = [entry.detail for entry in check(api.shop()) if entry.result == "failed"]
    assert any("from, to is ignored" in text for text in failed)
    limits = [entry.detail for entry in check(api.shop()) if entry.result == "limit"]
    assert any("a record outside of its window is not noticed" in text for text in limits)


def test_a_sweep_marks_what_is_gone(api: Api) -> None:
    shop = api.shop(deletes="sweep")
    assert api.load(shop).errors == {}
    del api.days[4]
    report = detect_deletes(shop, "visits", warehouse=api.place.warehouse())
    assert (report.newly_deleted, report.unfiltered) == (1, 0)
