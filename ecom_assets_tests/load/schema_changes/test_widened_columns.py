"""Undeclared columns that meet values of another type: they widen and keep every value, or reject the row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from ecom_assets_tests.support.examples import slowly
from ecom_assets_tests.support.servers.loopback import json_reply
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import before_each_load


@pytest.mark.parametrize(
    ("values", "kinds", "stored"),
    [
        ([1, 2.75, "n/a"], ["bigint", "decimal", "text"], ["1", "2.75", "n/a"]),
        ([2.75, 2**60, 1e22], ["double", "text", "text"], ["2.75", str(2**60), "1e+22"]),
        (
            ["2026-01-01", "2026-01-02T10:00:00+02:00", "soon"],
            ["date", "timestamp", "text"],
            ["2026-01-01T00:00:00Z", "2026-01-02T08:00:00Z", "soon"],
        ),
        *slowly(
            [
                ([True, 1, "x"], ["bool", "text", "text"], ["true", "1", "x"]),
                (["x", [1], {}], ["text", "text", "text"], ["x", "[1]", "{}"]),
                ([1, "", 0.1234567890123], ["bigint", "text", "text"], ["1", "", "0.1234567890123"]),
            ]
        ),
    ],
)
def test_a_column_widens_from_load_to_load(
    records: Records, values: Sequence[Any], kinds: Sequence[str], stored: Sequence[str]
) -> None:
    for number, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        before = records.types()["v"] if number else kind
        report = records.load({"id": number, "v": value})
        assert records.types() == {"id": "bigint", "v": kind}
        assert list(report.resources["orders"].widened) == (["v"] if kind != before else [])
        assert any("the column v is widened" in line for line in records.lines) == (kind != before)
    assert records.rows("select v from orders order by id") == [(text,) for text in stored]
    assert records.rows("select count(*) from rejected_rows") == [(0,)]


def test_dates_become_midnights_in_utc_and_numbers_decimals(records: Records) -> None:
    records.load({"id": 1, "on": "2026-01-01", "price": 2**53 + 1})
    records.load({"id": 2, "on": "2026-01-01T01:00:00+01:00", "price": 0.1})
    assert records.types() == {"id": "bigint", "on": "timestamp", "price": "decimal"}
    assert records.rows('select count(distinct "on") from orders') == [(1,)]
    assert records.rows("select price from orders where id = 1 and price = 9007199254740993")
    assert records.rows("select price from orders where id = 2 and price = 0.1")


def test_a_json_column_takes_everything(records: Records) -> None:
    records.load({"id": 1, "v": [1]})
    records.load({"id": 2, "v": "x"}, {"id": 3, "v": 2.5}, {"id": 4, "v": {"a": 1}})
    assert records.types() == {"id": "bigint", "v": "json", "v__a": "bigint"}
    assert records.rows("select count(*) from orders where v is not null") == [(3,)]


def test_a_number_that_later_is_a_text_stays_the_same_key(records: Records) -> None:
    records.load({"id": 1, "name": "old"}, {"id": 2, "name": "two"})
    assert records.types()["id"] == "bigint"
    records.load({"id": 1, "name": "new"}, {"id": "A-1", "name": "text"})
    assert records.types()["id"] == "text"
    rows = [("1", "new"), ("2", "two"), ("A-1", "text")]
    assert sorted(records.rows("select id, name from orders")) == rows
    records.load({"id": 1, "name": "new"}, {"id": "A-1", "name": "text"})
    assert sorted(records.rows("select id, name from orders")) == rows
    assert records.place.not_null("orders") == (1 if records.place.traits.sets_not_null_in_loads else 0)


def test_the_key_of_a_nested_list_widens_with_its_record(records: Records) -> None:
    lines = {
        "name": "lines",
        "rows_from": {"resource": "orders", "path": "lines"},
        "include_from_parent": ["id"],
        "primary_key": ["_orders_id", "no"],
    }
    shop = records.windowed(more=[lines])

    def order(number: Any, count: int) -> dict[str, Any]:
        return {
            "id": number,
            "updated_at": "2026-01-01T10:00:00Z",
            "lines": [{"no": no} for no in range(count)],
        }

    both = ["orders", "lines"]
    records.load(order(1, 2), shop=shop, days=1, names=both)
    records.load(order(1, 1), order("A", 1), shop=shop, days=1, names=both)
    assert records.types("lines") == {"_orders_id": "text", "no": "bigint"}
    assert sorted(records.rows("select _orders_id, no from lines")) == [("1", 0), ("A", 0)]
    # the list alone, after its record's table has widened
    records.load(order("B", 1), shop=shop, days=1, names=["orders"])
    records.load(order("B", 3), shop=shop, days=1, names=["lines"])
    assert sorted(records.rows("select _orders_id, no from lines where _orders_id = 'B'")) == [
        ("B", 0),
        ("B", 1),
        ("B", 2),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_types_of_the_first_run_do_not_depend_on_the_order_of_slices(
    records: Records, order: Sequence[int]
) -> None:
    if records.place.engine != "duckdb":
        pytest.skip("the order is not the engine's")
    values: list[dict[str, Any]] = [
        {"a": 1, "b": 1, "c": "2026-01-01"},
        {"a": 2.75, "b": "x", "c": "2026-01-01T00:00:00Z"},
        {"b": [1]},
    ]
    orders = [
        {"id": day, "updated_at": f"2026-01-0{day}T10:00:00Z", **values[position]}
        for day, position in enumerate(order, 1)
    ]
    records.load(*orders, shop=records.windowed(), days=3)
    expected = {"a": "double", "b": "json", "c": "timestamp"}
    assert {name: records.types()[name] for name in expected} == expected
    assert records.rows("select count(*), count(a), count(b), count(c) from orders") == [(3, 2, 3, 2)]


@pytest.mark.parametrize("loaded_before", [True, False])
def test_a_child_without_records_leaves_the_key_of_its_parent(records: Records, loaded_before: bool) -> None:
    child = {
        "name": "notes",
        "endpoint": "orders/{resources.orders.id}/notes",
        "include_from_parent": ["id"],
        "primary_key": ["_orders_id", "number"],
    }
    if loaded_before:
        records.load({"id": 1})
    answer = records.loopback.answering
    assert answer is not None
    records.loopback.answering = lambda seen: json_reply([]) if "notes" in seen.path else answer(seen)
    records.load({"id": 1}, shop=records.shop(more=[child]), names=("orders", "notes"))
    assert records.types() == {"id": "bigint"}
    assert records.types("notes")["_orders_id"] == "bigint"


def test_freeze_rejects_the_row(records: Records) -> None:
    shop = records.shop(schema_contract={"data_type": "freeze"})
    records.load({"id": 1, "v": 1}, shop=shop)
    records.load({"id": 2, "v": "x"}, {"id": "A", "v": 1}, {"id": 3, "v": 3}, shop=shop)
    assert records.types() == {"id": "bigint", "v": "bigint"}
    assert records.rows("select id, v from orders order by id") == [(1, 1), (3, 3)]
    assert sorted(records.rows("select reasons from rejected_rows")) == [
        ("id: 'A' is not a whole number of 64 bits",),
        ("v: 'x' is not a whole number of 64 bits",),
    ]


def test_a_declared_column_never_widens(records: Records) -> None:
    shop = records.shop(
        schema_contract={"data_type": "evolve"}, columns={"declared": {"data_type": "bigint"}}
    )
    records.load({"id": 1, "declared": 1, "other": 1}, shop=shop)
    records.load({"id": 2, "declared": "x", "other": 1}, {"id": 3, "declared": 3, "other": "x"}, shop=shop)
    assert records.types() == {"id": "bigint", "declared": "bigint", "other": "text"}
    assert records.rows("select id, declared, other from orders order by id") == [(1, 1, "1"), (3, 3, "x")]


def test_runs_that_widen_at_the_same_time_lose_nothing(records: Records) -> None:
    records.load({"id": 1, "v": 1})
    first: list[dict[str, Any]] = [{"id": 2, "v": 2}, {"id": 3, "v": 2.5}]
    second: list[dict[str, Any]] = [{"id": 4, "v": "x"}, {"id": "A", "v": 4}]
    warehouse = records.place.warehouse()
    other = iter([second])

    def load_the_other() -> None:
        # only before the first commit, when the first run has read everything
        if found := next(other, None):
            lines = records.lines
            records.load(*found)
            records.lines = lines
            records.orders = list(first)

    report = records.load(*first, warehouse=before_each_load(warehouse, load_the_other))
    assert records.types() == {"id": "text", "v": "text"}
    assert sorted(records.rows("select id, v from orders")) == [
        ("1", "1"),
        ("2", "2"),
        ("3", "2.5"),
        ("4", "x"),
        ("A", "4"),
    ]
    assert report.resources["orders"].windows[0].kept == 2
    assert [line for line in records.lines if line.endswith("reading again")]
