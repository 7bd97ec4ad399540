"""What is promised of a load, on each engine: complete, true to the contract, again, and equal whatever the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.ingest.declaration import Shop
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.loading import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.engines import IN_SQL, Place
from ecom_assets_tests.forked_loads import WINDOWED, shop_at, windows_from

UTC = timezone.utc
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
WEEK = windows_from(datetime(2026, 1, 14, tzinfo=UTC), NOW)
SNAPSHOTS = ["products", "stores"]
ORDERS = "/v1/orders"


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve 40 orders a day at an instant that does not move."""
    with serving(SandboxSettings(orders_per_day=40, now=NOW)) as running:
        yield running


@pytest.fixture
def load(sandbox: Running) -> Callable[..., RunReport]:
    """Return what loads from the sandbox into a place."""

    def loading(place: Place, names: list[str], windows: Any = (), shop: Shop | None = None) -> RunReport:
        return run_load(
            shop or shop_at(sandbox.base_url),
            names,
            windows,
            secrets={"api_key": SANDBOX_KEY},
            warehouse=place.warehouse(),
        )

    return loading


Load = Callable[..., RunReport]


def test_tables_and_types_are_those_of_the_contract(place: Place, load: Load) -> None:
    shop = shop_at("http://127.0.0.1:1")
    assert load(place, WINDOWED, WEEK[:1]).errors == load(place, SNAPSHOTS).errors == {}
    with place.warehouse().read("sandbox") as session:
        there = session.columns_of("sandbox")
        for resource in shop.resources:
            declared = {column.name: session.type_of(column) for column in resource.table_columns}
            assert there[resource.name] == declared
    for resource in shop.resources:
        assert place.not_null(resource.name) == sum(not column.nullable for column in resource.table_columns)


def test_an_empty_window_makes_the_tables_and_reports_zero(
    place: Place, load: Load, sandbox: Running
) -> None:
    sandbox.faults.answer('{"data": [], "total": 0}', times=None)
    report = load(place, WINDOWED, WEEK[:1])
    assert [(window.kept, window.source_total) for window in report.resources["orders"].windows] == [(0, 0)]
    found = place.tables()
    assert {*WINDOWED, "load_ledger", "rejected_rows"} == found.keys()
    assert [found[name] for name in WINDOWED] == [[], [], []]


def test_a_range_equals_its_days_one_by_one_and_each_again(
    new_place: Callable[[], Place], load: Load
) -> None:
    whole, days = new_place(), new_place()
    load(whole, WINDOWED, WEEK)
    for window in (*WEEK[::-1], WEEK[2]):
        load(days, WINDOWED, (window,))
    assert len(whole.tables("orders")["orders"]) > 200
    assert whole.tables(*WINDOWED) == days.tables(*WINDOWED)


@pytest.mark.parametrize(
    "new_place", ["postgres", pytest.param("delta", marks=pytest.mark.slow)], indirect=True
)
def test_the_engines_hold_the_same_rows(
    load: Load, sandbox: Running, tmp_path: Path, new_place: Callable[[], Place]
) -> None:
    file, other = Place("duckdb", str(tmp_path / "one.duckdb")), new_place()
    for place in (file, other):
        load(place, ["orders"], WEEK[1:2])
    number = file.rows("select max(id) from orders")[0][0]
    sandbox.faults.change(ORDERS, number, total="a lot", new_field=["", None, 1.50, "é\t\\.\n"])
    sandbox.faults.change(ORDERS, number - 1, status="", new_text="\\N\t\r\n\\.\n", other_text="")
    for place in (file, other):
        for days in (WEEK[:4], WEEK[2:]):
            assert load(place, WINDOWED, days).errors == {}
        assert load(place, SNAPSHOTS).errors == {}
    ours, theirs = file.tables(), other.tables()
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert alike(rows) == alike(theirs[name]), name
    assert len(ours["orders"]) > 200
    assert ours["rejected_rows"]


def alike(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows without what the drivers do differently: the text of JSON or its value, the class of a zone."""

    def value(found: Any) -> Any:
        if isinstance(found, datetime):
            return found.astimezone(UTC)
        return json.loads(found) if isinstance(found, str) and found.startswith("[") else found

    return sorted((tuple(map(value, row)) for row in rows), key=repr)


def test_the_ledger_says_what_is_there(place: Place, load: Load) -> None:
    report = load(place, WINDOWED, WEEK)
    counted = place.rows("select cast(updated_at as date), count(*) from orders group by 1 order by 1")
    ledger = place.rows(
        "select partition_key, kept, fetched, source_total, rejected, load_id from load_ledger "
        "where resource = 'orders' order by 1"
    )
    assert [(str(day), kept) for day, kept in counted] == [(row[0], row[1]) for row in ledger]
    assert all(row[1] == row[2] == row[3] and row[4] == 0 for row in ledger)
    assert {row[5] for row in ledger} == {report.resources["orders"].load_id}


def test_rejected_rows_are_kept_with_their_reasons_and_once(
    place: Place, load: Load, sandbox: Running
) -> None:
    load(place, ["orders"], WEEK[:1])
    ((number,),) = place.rows("select min(id) from orders")
    sandbox.faults.change(ORDERS, number, total="a lot", status=None)
    for _ in range(2):
        report = load(place, ["orders"], WEEK[:1])
        (window,) = report.resources["orders"].windows
        assert (window.rejected, window.kept + 1) == (1, window.fetched)
        ((key, primary_key, reasons, record),) = place.rows(
            "select partition_key, primary_key, reasons, record from rejected_rows"
        )
        assert (key, primary_key) == (WEEK[0].partition_key, str(number))
        assert reasons == "status: null, but not nullable; total: 'a lot' is not a decimal(18,4)"
        assert json.loads(record)["id"] == number
    sandbox.faults.clear()
    load(place, ["orders"], WEEK[:1])
    assert place.table("rejected_rows") == []


def test_children_that_are_gone_go(place: Place, load: Load, sandbox: Running) -> None:
    load(place, WINDOWED, WEEK)
    (first, _), (second, _), (third, _) = place.rows(
        "select order_id, count(*) from order_items group by 1 order by 2 desc, 1 limit 3"
    )
    sandbox.faults.change(
        ORDERS,
        first,
        line_items=[{"id": 7, "product_id": 1, "sku": "a", "quantity": 1, "unit_price": "1.0000"}],
    )
    sandbox.faults.change(ORDERS, second, line_items=[])
    sandbox.faults.change(ORDERS, third, total="a lot", line_items=[])
    load(place, ["orders", "order_items"], WEEK)
    assert place.rows(
        "select order_id, id from order_items where order_id in (?, ?, ?)", [first, second, third]
    ) == [(first, 7)]


def test_snapshots_are_replaced(place: Place, load: Load, sandbox: Running) -> None:
    load(place, SNAPSHOTS)
    sandbox.faults.delete("/v1/stores", 1)
    load(place, SNAPSHOTS)
    assert [row[0] for row in place.rows("select id from stores order by id")] == [2, 3, 4, 5]


def test_a_new_field_becomes_a_column_that_keeps_its_type(place: Place, load: Load, sandbox: Running) -> None:
    sandbox.faults.change("/v1/stores", 1, rank=2, opening={"days": ["mo"]}, none="")
    load(place, ["stores"])
    sandbox.faults.change("/v1/stores", 1, rank=2.75)
    assert load(place, ["stores"]).resources["stores"].windows[0].rejected == 1
    assert place.rows("select reasons from rejected_rows") == [
        ("rank: 2.75 is not a whole number of 64 bits",)
    ]
    with place.warehouse().read("sandbox") as session:
        assert session.columns_of("sandbox")["stores"]["rank"].lower() == "bigint"


@pytest.mark.parametrize("new_place", IN_SQL, indirect=True)
def test_a_load_that_fails_half_way_leaves_the_tables_as_they_were(place: Place, load: Load) -> None:
    load(place, WINDOWED, WEEK[:1])
    place.write(
        'drop table "sandbox"."load_ledger"', 'create view "sandbox"."load_ledger" as select 1 as load_id'
    )
    before = place.tables()
    with pytest.raises(WarehouseError, match="was left as it was: ") as failed:
        load(place, WINDOWED, WEEK)
    assert "s3cr3t-w0rd" not in str(failed.value)
    assert place.tables() == before
