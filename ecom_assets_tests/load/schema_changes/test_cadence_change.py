"""The cadence or the start of a shop changes: windows of other bounds are in the ledger than the declaration has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.slices import UNFILTERED
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.checks.finding import CheckedTable, Finding, examine
from ecom_assets.load.checks.ledger import complete, no_rejected_rows
from ecom_assets.load.ledger.status import ResourceStatus, missing_windows, status
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.order_api import Api, order
from ecom_assets_tests.support.servers.order_api import api as api
from ecom_assets_tests.support.warehouses.engines import before_each_load

UTC = timezone.utc
NOW = datetime(2026, 3, 10, tzinfo=UTC)
TABLES = ("orders", "lines")


def every(api: Api, cadence: str, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Shop:
    """Return the shop with another cadence."""
    shop = api.shop()
    assert shop.partitions
    # windows of which all records are rejected load, too
    resources = tuple(entry.model_copy(update={"max_rejected": 1.0}) for entry in shop.resources)
    partitions = shop.partitions.model_copy(update={"every": cadence, "start": start})
    return shop.model_copy(update={"partitions": partitions, "resources": resources})


def load(api: Api, shop: Shop, first: int, last: int, tables: Sequence[str] = ("orders",)) -> None:
    """Load the windows from one day of January to another."""
    assert shop.partitions
    begin, until = (
        datetime(2026, 1, first, tzinfo=UTC),
        datetime(2026, 1, last, tzinfo=UTC) + timedelta(days=1),
    )
    windows = windows_between(shop.partitions, begin, until)
    assert windows
    assert run_load(shop, tables, windows, warehouse=api.place.warehouse()).errors == {}


def orders(api: Api, shop: Shop) -> ResourceStatus:
    """Return the status of the orders."""
    return next(entry for entry in status(shop, api.place.warehouse(), NOW) if entry.resource == "orders")


def check(api: Api, shop: Shop, query: Any, windows: Any = None) -> Finding:
    """Return what a check of the orders finds."""
    with api.place.warehouse().read(shop.name) as transaction:
        return examine(query, CheckedTable(transaction, shop, shop.resource("orders"), windows))


def rejected(api: Api) -> list[tuple[Any, ...]]:
    """Return the rejected rows: resource, partition key, primary key."""
    return sorted(api.rows("select resource, partition_key, primary_key from rejected_rows"))


def at(day: int) -> str:
    return f"2026-01-{day:02}T12:00:00Z"


def test_a_month_of_which_one_day_is_loaded_is_not_loaded(api: Api) -> None:
    api.orders = [order(1)]
    load(api, every(api, "day"), 1, 1)
    monthly = every(api, "month")
    found = orders(api, monthly)
    assert (found.windows, found.loaded, found.missing, found.partly, found.bar) == (2, 0, 2, 1, "▒·")
    finding = check(api, monthly, complete)
    assert not finding.passed
    assert finding.description == (
        "2026-01-01: only partly loaded, by windows of another cadence: load it again"
    )
    partitions = monthly.partitions
    assert partitions
    (month, *_) = windows_between(partitions, partitions.start, NOW)
    assert finding.description == check(api, monthly, complete, [month]).description
    load(api, monthly, 1, 31)
    assert (orders(api, monthly).loaded, orders(api, monthly).partly) == (1, 0)
    assert check(api, monthly, complete).passed


def test_a_month_of_which_all_days_are_loaded_is_loaded(api: Api) -> None:
    api.orders = [order(1), order(2, updated_at=at(20))]
    load(api, every(api, "day"), 1, 31)
    monthly = every(api, "month")
    assert (orders(api, monthly).loaded, orders(api, monthly).missing) == (1, 1)
    assert check(api, monthly, complete).passed
    weekly = every(api, "week", datetime(2026, 1, 4, tzinfo=UTC))
    assert orders(api, weekly).bar == "████·····"


def test_a_loaded_month_has_loaded_its_days(api: Api) -> None:
    load(api, every(api, "month"), 1, 31)
    daily = every(api, "day")
    assert (orders(api, daily).loaded, orders(api, daily).missing) == (31, 37)
    api.place.write("update testshop.load_ledger set kept = kept + 1")
    assert (orders(api, daily).loaded, orders(api, daily).failed) == (0, 31)
    load(api, daily, 1, 1)
    assert (orders(api, daily).loaded, orders(api, daily).failed) == (1, 30), (
        "the newest load of a part counts"
    )


def test_a_window_whose_figures_do_not_add_up_is_loaded_again_with_the_missing_ones(api: Api) -> None:
    daily = every(api, "day")
    load(api, daily, 1, 3)
    api.place.write("update testshop.load_ledger set kept = kept + 1 where partition_key = '2026-01-02'")
    left = missing_windows(daily, api.place.warehouse(), datetime(2026, 1, 6, tzinfo=UTC))["orders"]
    assert left is not None
    assert [window.partition_key for window in left] == ["2026-01-02", "2026-01-04", "2026-01-05"]


@pytest.mark.parametrize("brings", ["windows", "records that no window brought"])
def test_a_snapshot_is_not_loaded_by_what_was_loaded_when_it_had_windows(api: Api, brings: str) -> None:
    load(api, every(api, "day"), 1, 2)
    if brings != "windows":
        api.place.write(
            f"update testshop.load_ledger set partition_key = '{UNFILTERED}', window_start = null, window_end = null"
        )
    shop = every(api, "day")
    endpoint = shop.resource("orders").endpoint
    assert endpoint
    whole = shop.resource("orders").model_copy(
        update={"endpoint": endpoint.model_copy(update={"incremental": None})}
    )
    snapshot = shop.model_copy(update={"resources": (whole,)})
    assert not whole.windowed
    assert missing_windows(snapshot, api.place.warehouse(), NOW) == {"orders": None}
    assert (orders(api, snapshot).loaded, orders(api, snapshot).missing) == (0, 1)
    assert check(api, snapshot, complete).description.startswith("the ledger has no load of orders: ")


def test_an_earlier_start_leaves_windows_to_load_and_a_later_one_none(api: Api) -> None:
    load(api, every(api, "day", datetime(2026, 1, 5, tzinfo=UTC)), 5, 8)
    earlier = orders(api, every(api, "day"))
    assert (earlier.loaded, earlier.first, earlier.windows) == (4, "2026-01-01", 68)
    later = orders(api, every(api, "day", datetime(2026, 1, 7, tzinfo=UTC)))
    assert (later.loaded, later.windows) == (2, 62)


def test_a_day_does_not_lose_what_the_rest_of_the_month_rejected(api: Api) -> None:
    """The month and its first day have the same partition key."""
    wrong = [order(day, updated_at=at(day), name=None, lines=[{"sku": day}, "x"]) for day in (1, 2, 20)]
    api.orders = wrong
    load(api, every(api, "month"), 1, 31, TABLES)
    month = rejected(api)
    assert len(month) == 9
    daily = every(api, "day")
    load(api, daily, 1, 1, TABLES)
    assert rejected(api) == sorted([*month, ("lines", "2026-01-01", "")]), "but for x, nothing is there twice"
    assert orders(api, daily).rejected == 3
    assert check(api, daily, no_rejected_rows).description.startswith("3 records break the contract")
    api.orders = [order(2, updated_at=at(2)), *wrong]
    api.orders = [entry for entry in api.orders if entry["name"] or entry["id"] != 2]
    load(api, daily, 2, 2, TABLES)
    assert [row for row in rejected(api) if row[0] == "orders"] == [
        ("orders", "2026-01-01", "1"),
        ("orders", "2026-01-01", "20"),
    ], "a record that was corrected is no longer rejected"
    load(api, daily, 3, 31, TABLES)
    assert rejected(api) == [
        ("lines", "2026-01-01", ""),
        ("lines", "2026-01-01", "1, "),
        ("lines", "2026-01-20", ""),
        ("lines", "2026-01-20", "20, "),
        ("orders", "2026-01-01", "1"),
        ("orders", "2026-01-20", "20"),
    ]


def test_a_month_replaces_what_its_days_rejected(api: Api) -> None:
    api.orders = [order(day, updated_at=at(day), name=None) for day in (1, 2)]
    load(api, every(api, "day"), 1, 2)
    api.orders = api.orders[:1]
    load(api, every(api, "month"), 1, 31)
    assert rejected(api) == [("orders", "2026-01-01", "1")]
    assert orders(api, every(api, "month")).rejected == 1


def test_a_late_load_of_a_day_leaves_the_rejections_of_a_newer_month(api: Api) -> None:
    daily, monthly = every(api, "day"), every(api, "month")
    partitions = daily.partitions
    assert partitions
    api.orders = []
    load(api, daily, 1, 2)
    api.orders = [order(1, name=None)]

    def month_meanwhile() -> None:
        api.orders = [order(2, name=None), order(3, updated_at=at(9), name=None)]
        load(api, monthly, 1, 31)

    days = windows_between(partitions, partitions.start, datetime(2026, 1, 3, tzinfo=UTC))
    run_load(daily, ["orders"], days, warehouse=before_each_load(api.place.warehouse(), month_meanwhile))
    assert rejected(api) == [("orders", "2026-01-01", "2"), ("orders", "2026-01-01", "3")]


def test_a_snapshot_that_becomes_windowed_is_not_loaded_by_that(api: Api) -> None:
    load(api, every(api, "day"), 1, 2)
    api.place.write(
        "update testshop.load_ledger set partition_key = null, window_start = null, window_end = null"
    )
    assert orders(api, every(api, "day")).loaded == 0
    assert not check(api, every(api, "day"), complete).passed
