"""A shop moves to another warehouse: everything arrives, is compared, and loads continue there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.ledger.status import status
from ecom_assets.load.relocation.copy import copy
from ecom_assets.warehouse.checksum import Checksum
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets_tests.support.servers.loopback import serving
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.warehouses.engines import TRAITS, Place, making, parsed

UTC = timezone.utc
NOW = datetime(2026, 1, 20, tzinfo=UTC)
KEY = {"data_type": "bigint", "nullable": False}
KINDS: dict[str, Any] = {
    "id": KEY,
    "updated_at": {"data_type": "timestamp", "nullable": False},
    "name": {"data_type": "text"},
    "ratio": {"data_type": "double"},
    "paid": {"data_type": "bool"},
    "total": {"data_type": "decimal", "precision": 20, "scale": 4},
    "day": {"data_type": "date"},
    "at": {"data_type": "time"},
    "more": {"data_type": "json"},
    "raw": {"data_type": "binary"},
    "empty": {"data_type": "text"},
}
LINES: dict[str, Any] = {
    "name": "order_lines",
    "rows_from": {"resource": "orders", "path": "items"},
    "primary_key": ["_orders_id", "n"],
    "include_from_parent": ["id"],
    "columns": {"n": KEY},
}
PLAIN = {"path": "/orders", "data_selector": "data", "paginator": {"type": "offset", "limit": 100}}
STATES: dict[str, Any] = {
    "name": "states",
    "endpoint": PLAIN,
    "write_disposition": {"disposition": "merge", "strategy": "scd2"},
    "columns": {"id": KEY, "name": {"data_type": "text"}},
}
TABLES = ("orders", "order_lines", "states")
ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "updated_at": "2026-01-01T10:00:00.123456Z",
        "name": 'tab\t, line\n, back\\slash, "quote", é, 😀',
        "ratio": 0.1,
        "paid": True,
        "total": "-1234567890.1200",
        "day": "2024-02-29",
        "at": "23:59:59.999999",
        "more": {"b": [1, 1.50, 10000000000000000000000], "a": None, "c": "\\u0041"},
        "raw": "AAEC/w==",
        "evolved": 7,
        "items": [{"n": 1, "sku": "x"}, {"n": 2, "sku": ""}],
    },
    {"id": 2, "updated_at": "2026-01-02T00:00:00Z", "name": "", "ratio": -0.0, "more": [], "items": []},
    {"id": 3, "updated_at": "2026-01-02T00:00:01Z", "paid": "not a bool", "items": [{"n": "bad"}]},
]


def declare(records: Records) -> Shop:
    return records.windowed(columns=KINDS, more=[LINES, STATES])


def fill(records: Records) -> Shop:
    shop = declare(records)
    records.load(*ROWS, shop=shop, days=2, names=("orders", "order_lines"))
    records.load(*ROWS, shop=shop, names=("states",))
    records.load({**ROWS[0], "name": "new state"}, *ROWS[1:], shop=shop, names=("states",))
    return shop


def fill_quickly(records: Records) -> Shop:
    shop = records.shop(columns=KINDS)
    records.load(*ROWS, shop=shop)
    return shop


def plain(value: Any) -> Any:
    """Return a value as all engines' drivers return it: bytes, instants in Python's own UTC, JSON as objects, and
    times of the day as texts."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        return parsed(value)
    if isinstance(value, time):
        return value.isoformat()
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def everything(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, also dlt's."""
    with place.warehouse().read(place.dataset) as transaction:
        names = sorted(transaction.columns_of(place.dataset))
    found = place.whole_tables(*names)
    return {name: sorted((tuple(map(plain, row)) for row in rows), key=repr) for name, rows in found.items()}


NEAR = ("duckdb", "postgres", "ducklake")
"""Engines that are copied among each other."""


def between(*pairs: tuple[str, str]) -> list[Any]:
    """Return pairs of engines; only the one of two DuckDB files is among the fast tests."""
    return [("duckdb", "duckdb"), *(pytest.param(pair, marks=pytest.mark.slow) for pair in pairs)]


ALL = between(
    ("postgres", "ducklake"),
    ("ducklake", "postgres"),
    *(pair for name in TRAITS if name not in NEAR for pair in (("duckdb", name), (name, "duckdb"))),
)
"""Each engine once as the target, and once as the source."""
FEW = between(("duckdb", "postgres"), ("postgres", "duckdb"))


@pytest.fixture(params=FEW, ids=" to ".join)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Records, Place]]:
    """Return an API with a place to load to, and another place to copy to."""
    source, target = (making(request, engine)() for engine in request.param)
    with serving() as loopback:
        yield Records(loopback, source, tmp_path), replace(target, dataset="myshop")


@pytest.mark.parametrize("places", ALL, ids=" to ".join, indirect=True)
def test_everything_arrives_and_loads_continue(places: tuple[Records, Place]) -> None:
    records, target = places
    shop = fill(records)
    source = records.place
    before, said = everything(source), list[str]()
    states = status(shop, source.warehouse(), NOW)
    copied = copy(shop, source.warehouse(), target.warehouse(), said.append)
    assert {table.table: table.rows for table in copied} == {name: len(rows) for name, rows in before.items()}
    assert everything(target) == before == everything(source)
    assert "orders: 2 rows copied and compared" in said
    assert status(shop, target.warehouse(), NOW) == states
    for name in TABLES:
        assert target.not_null(name) == source.not_null(name)
    if target.engine == source.engine:
        for name in before:
            assert target.columns(name) == source.columns(name)

    records.place = target
    later = {
        **ROWS[1],
        "updated_at": "2026-01-02T05:00:00Z",
        "name": "merged",
        "fresh": 1,
        "items": [{"n": 9}],
    }
    fourth = {"id": 4, "updated_at": "2026-01-03T00:00:00Z", "items": []}
    report = records.load(later, fourth, shop=shop, days=3, names=("orders", "order_lines"))
    assert not any(entry.schema_changes for entry in report.resources.values())
    assert records.rows("select id, name, evolved, fresh from orders order by id") == [
        (1, ROWS[0]["name"], 7, None),
        (2, "merged", None, 1),
        (4, None, None, None),
    ]
    assert (2, 9) in records.rows("select _orders_id, n from order_lines")
    records.load({**ROWS[0], "name": "third state"}, *ROWS[1:], shop=shop, names=("states",))
    assert records.rows("select count(*) from states where id = 1") == [(3,)]
    assert len(everything(source)["orders"]) == 2


def test_the_cursor_of_an_open_ended_table_goes_along(places: tuple[Records, Place]) -> None:
    records, target = places
    incremental = {
        "cursor_path": "updated_at",
        "initial_value": "2026-01-01T00:00:00Z",
        "start_param": "since",
    }
    shop = records.shop(endpoint={"incremental": incremental})
    records.load(*ROWS[:2], shop=shop)
    copy(shop, records.place.warehouse(), target.warehouse(), print)
    assert status(shop, target.warehouse(), NOW) == status(shop, records.place.warehouse(), NOW)
    records.place = target
    records.load({**ROWS[1], "name": "merged"}, shop=shop)
    assert any("orders: reading from updated_at 2026-01-02T00:00:00" in line for line in records.lines)
    assert sorted(records.rows("select id, name from orders")) == [(1, ROWS[0]["name"]), (2, "merged")]


@pytest.mark.parametrize(
    "places",
    [*FEW, *between(*(("duckdb", name) for name in TRAITS if TRAITS[name].ddl_commits))[1:]],
    ids=" to ".join,
    indirect=True,
)
def test_a_target_with_tables_of_the_shop_is_refused_and_reset_is_the_way_out(
    places: tuple[Records, Place],
) -> None:
    from ecom_assets.load.schema_changes.reset import reset, tables_to_reset

    records, target = places
    shop = fill_quickly(records)
    records.load(ROWS[1], shop=shop, warehouse=target.warehouse())
    before = target.whole_tables("orders", "load_ledger", "rejected_rows")
    with pytest.raises(
        WarehouseError, match="has load_ledger, orders already: nothing was copied"
    ) as refused:
        copy(shop, records.place.warehouse(), target.warehouse(), print)
    assert "ecom-assets reset myshop" in str(refused.value)
    assert target.whole_tables("orders", "load_ledger", "rejected_rows") == before
    reset(shop, target.warehouse(), tables_to_reset(shop, target.warehouse(), []), print)
    copy(shop, records.place.warehouse(), target.warehouse(), print)
    assert everything(target) == everything(records.place)
    records.place = target
    records.load(ROWS[1], shop=shop)
    with pytest.raises(WarehouseError, match="is the warehouse that the tables are in"):
        copy(shop, target.warehouse(), target.warehouse(), print)


def test_what_arrives_altered_is_not_committed(
    places: tuple[Records, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    records, target = places
    if target.engine == "postgres":
        pytest.skip("the rule is the same for each engine")
    shop = fill_quickly(records)
    real = DuckDbTransaction.append_rows

    def altered(self: Any, dataset: str, table: str, rows: pa.Table, json: Any) -> None:
        if table == "orders":
            position = rows.column_names.index("total")
            rows = rows.set_column(position, "total", pa.nulls(len(rows), rows["total"].type))
        real(self, dataset, table, rows, json)

    monkeypatch.setattr(DuckDbTransaction, "append_rows", altered)
    with pytest.raises(WarehouseError, match=r"total has 0 values instead of 1\. Nothing was copied"):
        copy(shop, records.place.warehouse(), target.warehouse(), print)
    with target.warehouse().transaction("myshop") as transaction:
        assert transaction.columns_of("myshop") == {}


def test_views_and_strange_tables_of_somebody_are_left_and_named(places: tuple[Records, Place]) -> None:
    records, target = places
    shop = fill_quickly(records)
    records.place.write(
        'create view "myshop"."v" as select 1 as one',
        'create table "myshop"."odd" (x integer)',
        'create table "myshop"."fine" (x bigint)',
    )
    said: list[str] = []
    copy(shop, records.place.warehouse(), target.warehouse(), said.append)
    assert "v: not copied, because it is a view" in said
    assert any("odd: not copied, because no load made it and the column x is" in line for line in said)
    assert target.present(["v", "odd", "fine"]) == ["fine"]


def test_a_type_that_no_load_makes_in_our_table_is_one_line(places: tuple[Records, Place]) -> None:
    records, target = places
    shop = fill_quickly(records)
    records.place.write('alter table "myshop"."orders" add column theirs smallint')
    with pytest.raises(
        WarehouseError, match=r"myshop\.orders: the column theirs is (?i:smallint|int16), a type"
    ):
        copy(shop, records.place.warehouse(), target.warehouse(), print)


def test_nothing_to_copy_is_one_line(places: tuple[Records, Place]) -> None:
    records, target = places
    records.place.write('create schema "myshop"', 'create table "myshop"."theirs" (x bigint)')
    with pytest.raises(WarehouseError, match="no load has made tables in the warehouse"):
        copy(declare(records), records.place.warehouse(), target.warehouse(), print)


@pytest.mark.slow
def test_what_postgres_cannot_hold_is_said(empty_place: Callable[[str], Place], tmp_path: Path) -> None:
    target = replace(empty_place("postgres"), dataset="myshop")
    with serving() as loopback:
        records = Records(loopback, empty_place("duckdb"), tmp_path)
        shop = records.shop(columns={"id": KEY, "name": {"data_type": "text"}, "more": {"data_type": "json"}})
        records.load({"id": 1, "name": "a\0b", "more": {"x": "c\0d"}}, shop=shop)
        said: list[str] = []
        copy(shop, records.place.warehouse(), target.warehouse(), said.append)
        assert any(line.startswith("orders: 2 values have U+FFFD for U+0000") for line in said)
        assert target.rows("select name, more from orders") == [("a\ufffdb", {"x": "c\ufffdd"})]
        records.place.write(f'create table "myshop"."wide" ("{"x" * 70}" bigint)')
        other = replace(empty_place("postgres"), dataset="myshop")
        with pytest.raises(WarehouseError, match="is longer than the 63 bytes"):
            copy(shop, records.place.warehouse(), other.warehouse(), print)


def test_a_checksum_knows_rows_from_columns_and_json_from_text() -> None:
    def of(*rows: dict[str, Any]) -> Checksum:
        found = Checksum(["j"])
        for row in rows:
            found.add(
                pa.Table.from_pylist([row], pa.schema({"a": pa.int64(), "b": pa.int64(), "j": pa.string()}))
            )
        return found

    one, two = {"a": 1, "b": 1, "j": '{"x": 1.0, "y": [2]}'}, {"a": 2, "b": 2, "j": None}
    assert not of(one, two).differences(of(two, {**one, "j": '{"y":[2],"x":1}'}))
    assert of(one, two).differences(of(one)) == ["1 rows instead of 2"]
    assert of(one, two).differences(of({**one, "b": 2}, {**two, "b": 1})) == ["values are in other rows"]
    assert of(one, two).differences(of({**one, "j": '{"x": "1", "y": [2]}'}, two)) == ["j has other values"]
    assert of(one, two).differences(of({**one, "b": None}, two)) == ["b has 1 values instead of 2"]
