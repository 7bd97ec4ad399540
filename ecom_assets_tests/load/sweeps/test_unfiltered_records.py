"""Records that no window brings, because the API's filter does not return them: a sweep says which."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import run_load
from ecom_assets.load.sweeps.delete_detection import DeleteDetectionReport, detect_deletes
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, serving
from ecom_assets_tests.support.warehouses.engines import Place

NOW = datetime.now(timezone.utc).replace(microsecond=0)
START = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=3)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


class Api:
    """Things, some of which the filter leaves out."""

    def __init__(self, loopback: Loopback, place: Place) -> None:
        self.place = place
        self.base_url = loopback.base_url
        self.records: list[dict[str, Any]] = [{"id": no, "at": at(no + 0.5)} for no in range(3)]
        self.said: list[str] = []
        loopback.answering = self.answer

    def answer(self, seen: Seen) -> Reply:
        query = dict(seen.query)
        rows = self.records
        if "since" in query:
            rows = [
                row
                for row in rows
                if row["at"] and not row.get("draft") and query["since"] <= row["at"] < query["until"]
            ]
        shown = [{"id": row["id"]} for row in rows] if query.get("fields") == "id" else rows
        return json_reply({"data": shown, "total": len(rows)})

    def shop(self, **resource: Any) -> Shop:
        incremental = {"cursor_path": "at", "start_param": "since", "end_param": "until"}
        paginator = {"type": "single_page", "total_path": "total"}
        return Shop.model_validate(
            {
                "name": "testshop",
                "client": {"base_url": self.base_url, "paginator": paginator},
                "policy": {"max_retries": 0},
                "partitions": {"every": "day", "start": START.date().isoformat()},
                "resources": [
                    {
                        "name": "things",
                        "primary_key": "id",
                        "endpoint": {"path": "things", "data_selector": "data", "incremental": incremental},
                        "columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}},
                        "deletes": "sweep",
                        **resource,
                    }
                ],
            }
        )

    def load(self, shop: Shop, days: int = 3) -> None:
        assert shop.partitions
        windows = windows_between(shop.partitions, START, START + timedelta(days=days))
        assert run_load(shop, ["things"], windows, warehouse=self.place.warehouse()).errors == {}

    def sweep(self, shop: Shop) -> DeleteDetectionReport:
        return detect_deletes(shop, "things", warehouse=self.place.warehouse(), progress=self.said.append)


@pytest.fixture
def api(place: Place) -> Iterator[Api]:
    """Serve three things of three days."""
    with serving() as loopback:
        yield Api(loopback, place)


def test_records_that_no_window_brings_are_counted_and_named(api: Api) -> None:
    """One without a cursor, one that the filter leaves out for another reason, and one that is just new."""
    api.records += [
        {"id": 7, "at": None},
        {"id": 8, "at": at(1.25), "draft": True},
        {"id": 9, "at": NOW.isoformat().replace("+00:00", "Z")},
    ]
    shop = api.shop()
    api.load(shop)
    report = api.sweep(shop)
    assert (report.live_before, report.at_source, report.newly_deleted) == (3, 6, 0)
    assert (report.unfiltered, report.unfiltered_keys) == (2, ("7", "8"))
    assert api.said[-1] == (
        "things: 2 records at the source are in no loaded window, such as 7; 8. The filter of the API does not return "
        "them, most often because at is null. They are not in the table. To load them, declare "
        "unfiltered: load for the resource. If another field tells their window, declare it in incremental.fallbacks"
    )


@pytest.mark.parametrize(("days", "unfiltered"), [(2, 0), (3, 1)])
def test_keys_without_cursors_are_counted_once_all_windows_are_loaded(
    api: Api, days: int, unfiltered: int
) -> None:
    api.records += [{"id": 7, "at": None}]
    shop = api.shop(deletes={"by": "sweep", "params": {"fields": "id"}})
    api.load(shop, days)
    assert api.sweep(shop).unfiltered == unfiltered


def test_records_of_windows_that_are_not_loaded_are_not_counted(api: Api) -> None:
    shop = api.shop()
    api.load(shop, days=1)
    report = api.sweep(shop)
    assert (report.live_before, report.at_source, report.unfiltered) == (1, 3, 0)


def test_a_rejected_record_is_no_unfiltered_one(api: Api) -> None:
    api.records += [{"id": 7, "at": at(1.25), "name": 5}]
    shop = api.shop(
        columns={
            "id": {"data_type": "bigint"},
            "at": {"data_type": "timestamp"},
            "name": {"data_type": "timestamp"},
        }
    )
    api.records[-1]["name"] = "not an instant"
    api.load(shop)
    report = api.sweep(shop)
    assert (report.live_before, report.at_source, report.unfiltered) == (3, 4, 0)
