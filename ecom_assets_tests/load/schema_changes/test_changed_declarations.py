"""A declaration changes, and its tables with it: every kind of change, without a loss, or refused for one resource."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.audit.audit import audit
from ecom_assets.load.checks.finding import CheckedTable, examine
from ecom_assets.load.checks.table import schema_nullability
from ecom_assets.load.sweeps.delete_detection import detect_deletes
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import before_each_load, parsed

UTC = timezone.utc
KEY = {"data_type": "bigint", "nullable": False}
WHOLE: dict[str, Any] = {"data_type": "bigint"}
TEXT: dict[str, Any] = {"data_type": "text"}
NUMBER: dict[str, Any] = {"data_type": "double"}
DAY: dict[str, Any] = {"data_type": "date"}
INSTANT: dict[str, Any] = {"data_type": "timestamp"}
FLAG: dict[str, Any] = {"data_type": "bool"}
JSON: dict[str, Any] = {"data_type": "json"}


def money(precision: int, scale: int) -> dict[str, Any]:
    return {"data_type": "decimal", "precision": precision, "scale": scale}


ONE, NIGHT = Decimal("1.25"), datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = {**INSTANT, "timezone": "Europe/Berlin"}
KEPT: list[tuple[str, dict[str, Any], dict[str, Any], list[Any], list[Any], str]] = [
    # name, declared before, declared after, values before, the same values after, what the report says
    ("whole_to_decimal", WHOLE, money(38, 9), [1, 2**62], [Decimal(1), Decimal(2**62)], "bigint became decimal(38,9)"),
    ("whole_to_money", WHOLE, money(12, 2), [1, 999], [Decimal(1), Decimal(999)], "bigint became decimal(12,2)"),
    ("whole_to_text", WHOLE, TEXT, [1, -2], ["1", "-2"], "bigint became text"),
    ("whole_to_double", WHOLE, NUMBER, [1, 2], [1.0, 2.0], "bigint became double"),
    ("larger", money(10, 2), money(20, 4), ["1.25"] * 2, [ONE] * 2, "decimal(10,2) became decimal(20,4)"),
    ("smaller", money(20, 4), money(10, 2), ["1.25"] * 2, [ONE] * 2, "decimal(20,4) became decimal(10,2)"),
    ("decimal_to_whole", money(10, 2), WHOLE, ["3.00", "2"], [3, 2], "decimal(10,2) became bigint"),
    ("decimal_to_text", money(10, 2), TEXT, ["1.50", "2"], ["1.5", "2"], "decimal(10,2) became text"),
    ("double_to_money", NUMBER, money(12, 2), [1.25, 1.25], [ONE] * 2, "double became decimal(12,2)"),
    ("text_to_whole", TEXT, WHOLE, ["1", "-7"], [1, -7], "text became bigint"),
    ("text_to_money", TEXT, money(12, 2), ["12.50", ""], [Decimal("12.5"), None], "text became decimal(12,2)"),
    ("text_to_instant", TEXT, INSTANT, ["2026-01-01T01:00:00+01:00"] * 2, [NIGHT] * 2, "text became timestamp"),
    ("text_to_json", TEXT, JSON, ["x", "1"], ["x", "1"], "text became json"),
    ("json_to_text", JSON, TEXT, ["x", [1]], ["x", "[1]"], "json became text"),
    ("day_to_instant", DAY, INSTANT, ["2026-01-01"] * 2, [NIGHT] * 2, "date became timestamp"),
    ("day_elsewhere", DAY, BERLIN, ["2026-01-01"] * 2, [NIGHT - timedelta(hours=1)] * 2, "date became timestamp"),
    ("text_to_day", TEXT, DAY, ["2026-01-02"] * 2, [date(2026, 1, 2)] * 2, "text became date"),
    ("ecom_old", TEXT, JSON, ["x", "1"], ["x", "1"], "text became json"),
    ("never_a_value", FLAG, money(5, 0), [None, None], [None, None], "bool became decimal(5,0)"),
    ("relaxed", {**TEXT, "nullable": False}, TEXT, ["a", "b"], ["a", "b"], "may be null now"),
    ("tightened", TEXT, {**TEXT, "nullable": False}, ["a", None], ["a", None], "must not be null"),
]  # fmt: skip


def declared(*, after: bool) -> dict[str, Any]:
    columns = {name: new if after else old for name, old, new, *_ in KEPT}
    return {"id": KEY, **columns}


def fields(position: int) -> dict[str, Any]:
    return {name: values[position] for name, _, _, values, *_ in KEPT}


def test_what_loses_nothing_is_changed_and_reported(records: Records) -> None:
    """Each kind of change at once, with one column more, one less, one renamed and one that had evolved."""
    others = {"gone": "g", "needed": "n", "total": 5, "seen": 2.5}
    rows = [{"id": number + 1, **fields(number), **others} for number in (0, 1)]
    before = declared(after=False) | {"gone": TEXT, "needed": {**TEXT, "nullable": False}, "total": WHOLE}
    records.load(*rows, shop=records.shop(columns=before))
    after = declared(after=True) | {
        "amount": {**money(10, 2), "renamed_from": "total"},
        "seen": money(10, 2),
        "fresh": {**TEXT, "nullable": False},
    }
    shop = records.shop(columns=after)
    report = records.load({"id": 3, "tightened": "c", "fresh": "f", "amount": "7.25"}, shop=shop)
    assert "*" not in (changes := dict(report.resources["orders"].schema_changes))
    for name, _, changed, _, values, text in KEPT:
        stored = [value for (value,) in records.rows(f'select "{name}" from orders where id < 3 order by id')]
        if changed is JSON and records.place.engine != "postgres":  # psycopg parses JSON itself
            stored = [parsed(value) for value in stored]
        assert stored == values, name
        assert text in changes.pop(name), name
    assert changes.pop("amount") == "renamed from total; bigint became decimal(10,2)"
    assert changes.pop("seen") == "decimal(38,9) became decimal(10,2)"
    assert changes.pop("fresh").startswith("added; null in the rows that are there")
    for name in ("gone", "needed"):
        assert changes.pop(name).startswith("no longer declared: kept")
    assert changes == {}
    assert any("the column amount: renamed from total" in line for line in records.lines)
    found = records.rows("select id, gone, needed, amount, seen, fresh, tightened from orders order by id")
    five, seen = Decimal(5), Decimal("2.5")
    assert found == [
        (1, "g", "n", five, seen, None, "a"),
        (2, "g", "n", five, seen, None, None),
        (3, None, None, Decimal("7.25"), None, "f", "c"),
    ]
    types = records.place.columns("orders")
    assert "total" not in types
    assert {name: types[name] for name in after} == {
        name: records.place.type_of(**{"nullable": True, **column}) for name, column in after.items()
    }
    again = records.load({"id": 3, "tightened": "c", "fresh": "F", "amount": 8}, shop=shop)
    assert again.resources["orders"].schema_changes == {}
    assert records.rows("select fresh, amount from orders where id = 3") == [("F", Decimal(8))]


def test_a_load_that_fails_changes_no_column(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    records.load({"id": 1, "total": "5"}, shop=records.shop(columns={"id": KEY, "total": TEXT}))
    before, types = records.place.table("orders"), records.types()
    after = records.shop(columns={"id": KEY, "amount": {**WHOLE, "renamed_from": "total"}})

    def fail(*args: object) -> None:
        raise WarehouseError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr("ecom_assets.load.commit.restore_newer_rows", fail)
        with pytest.raises(WarehouseError, match="the disk is gone"):
            records.try_load({"id": 2, "amount": 6}, shop=after)
    assert (records.place.table("orders"), records.types()) == (before, types)
    records.load({"id": 2, "amount": 6}, shop=after)
    assert records.rows("select id, amount from orders order by id") == [(1, 5), (2, 6)]


LOST: dict[str, tuple[dict[str, Any], dict[str, Any], list[Any], str, str, str]] = {
    "decimals": (money(10, 4), money(10, 2), ["1.2345", "2"], "decimal(10,4)", "decimal(10,2)", "1 of its 2"),
    "letters": (TEXT, WHOLE, ["1", "x"], "text", "bigint", "1 of its 2"),
    "zeros": (TEXT, WHOLE, ["1.5", "2.5"], "text", "bigint", "2 of its 2"),
    "long": (WHOLE, NUMBER, [2**60 + 1, 2], "bigint", "double", "1 of its 2"),
    "instants": (INSTANT, FLAG, ["2026-01-01T00:00:00Z", None], "timestamp", "bool", "1 of its 1"),
}


def test_what_loses_something_is_refused_for_this_resource_alone(records: Records) -> None:
    other = {
        "name": "others",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": KEY},
    }
    names = ("orders", "others")
    before = {"id": KEY} | {name: case[0] for name, case in LOST.items()}
    rows = [{"id": number + 1} | {name: case[2][number] for name, case in LOST.items()} for number in (0, 1)]
    records.load(*rows, shop=records.shop(columns=before, more=[other]), names=names)
    table = records.place.table("orders")
    after = {"id": KEY} | {name: case[1] for name, case in LOST.items()}
    report = records.try_load({"id": 9}, shop=records.shop(columns=after, more=[other]), names=names)
    assert list(report.errors) == ["orders"]
    text = str(report.errors["orders"])
    for name, (_, _, _, old, new, share) in LOST.items():
        assert f"the column {name} is {old} in the warehouse and {new} in the declaration" in text
        assert f"and {share} different values cannot become {new}" in text
    assert "Declare it as it was, or load the table anew: ecom-assets reset myshop orders" in text
    assert "contract_mode" not in text
    assert records.place.table("orders") == table
    assert records.rows("select count(*) from others") == [(3,)]
    # back to the first declaration: everything loads as before
    records.load(*rows, {"id": 9}, shop=records.shop(columns=before, more=[other]), names=names)
    assert records.rows("select count(*) from orders") == [(3,)]


@pytest.mark.parametrize(
    "both", [pytest.param(False, marks=pytest.mark.slow), True], ids=["only the old one", "both evolved"]
)
def test_a_field_that_the_api_renamed_becomes_one_column(records: Records, both: bool) -> None:
    records.load({"id": 1, "total": 5}, shop=records.shop(columns={"id": KEY, "total": WHOLE}))
    if both:
        records.load({"id": 2, "amount": 6}, shop=records.shop(columns={"id": KEY, "total": WHOLE}))
    shop = records.shop(columns={"id": KEY, "amount": {**WHOLE, "renamed_from": "total"}})
    report = records.load({"id": 3, "amount": 7, "total": 8}, shop=shop)
    assert report.resources["orders"].discarded == {"total": 1}
    assert records.types() == {"id": "bigint", "amount": "bigint"}
    stored = records.rows("select id, amount from orders order by id")
    assert stored == [(1, 5), *([(2, 6)] if both else []), (3, 7)]


def test_two_columns_with_other_values_are_not_made_one(records: Records) -> None:
    both = {"id": KEY, "total": WHOLE, "amount": WHOLE}
    records.load({"id": 1, "total": 5, "amount": 6}, shop=records.shop(columns=both))
    shop = records.shop(columns={"id": KEY, "amount": {**WHOLE, "renamed_from": "total"}})
    error = str(records.try_load({"id": 2}, shop=shop).errors["orders"])
    assert "the column amount has renamed_from: total, but the table has both columns" in error
    assert "both have a value in 1 rows; remove renamed_from to keep both" in error


def keyed(records: Records, key: Any, **changes: Any) -> Shop:
    columns = {"id": KEY, "line": WHOLE, "name": TEXT}
    for name in [key] if isinstance(key, str) else key:
        columns[name] = {**columns[name], "nullable": False}
    return records.shop(primary_key=key, columns=columns, **changes)


def test_a_wider_primary_key_is_taken_if_the_rows_have_it(records: Records) -> None:
    records.load({"id": 1, "line": 1}, {"id": 2, "line": 1}, shop=keyed(records, "id"))
    wide = keyed(records, ["id", "line"])
    records.load({"id": 1, "line": 1, "name": "new"}, {"id": 1, "line": 2}, shop=wide)
    assert sorted(records.rows("select id, line, name from orders"), key=str) == [
        (1, 1, "new"),
        (1, 2, None),
        (2, 1, None),
    ]
    error = str(records.try_load({"id": 1}, shop=keyed(records, "id")).errors["orders"])
    assert "the primary key id, line cannot become id: 1 values of it are in more than one row" in error
    assert records.rows("select count(*) from orders") == [(3,)]


def test_a_primary_key_that_rows_lack_is_refused(records: Records) -> None:
    records.load({"id": 1}, {"id": 2, "line": 1}, shop=records.shop(columns={"id": KEY, "line": WHOLE}))
    for key, column in ((["id", "line"], "line"), ("name", "name")):
        error = str(
            records.try_load({"id": 1, "line": 1, "name": "a"}, shop=keyed(records, key)).errors["orders"]
        )
        assert "the primary key id cannot become" in error
        assert f"rows have no {column}" in error
        assert "ecom-assets reset myshop orders" in error


def test_values_of_a_key_that_become_the_same_are_refused(records: Records) -> None:
    """`01` and `1` are two orders, and two lists of lines, so neither key can be a number."""
    lines = {
        "name": "order_lines",
        "rows_from": {"resource": "orders", "path": "items"},
        "primary_key": ["_orders_id", "n"],
        "include_from_parent": ["id"],
        "columns": {"n": KEY},
    }
    names = ("orders", "order_lines")
    rows = [{"id": "01", "v": "01", "items": [{"n": 1}]}, {"id": "1", "v": "1", "items": [{"n": 1}]}]
    columns = {"id": {**TEXT, "nullable": False}, "v": TEXT}
    records.load(*rows, shop=records.shop(columns=columns, more=[lines]), names=names)
    shop = records.shop(columns={"id": KEY, "v": WHOLE}, more=[lines])
    errors = records.try_load({"id": 2, "items": []}, shop=shop, names=names).errors
    refusal = "text in the warehouse and bigint in the declaration, and 2 of its 2 different values"
    assert f"orders: the column id is {refusal}" in str(errors["orders"])
    assert f"order_lines: the column _orders_id is {refusal}" in str(errors["order_lines"])
    assert records.rows("select id from orders order by 1") == [("01",), ("1",)]
    # other columns may have equal values
    records.load(rows[1], shop=records.shop(columns={**columns, "v": WHOLE}, more=[lines]), names=names)
    assert records.rows("select id, v from orders order by 1") == [("01", 1), ("1", 1)]


def test_a_child_is_refused_with_the_cursor_of_its_parent(records: Records) -> None:
    """The table of the child needs no change, but its rows are compared with those of the parent by that cursor."""
    lines = {
        "name": "order_lines",
        "rows_from": {"resource": "orders", "path": "items"},
        "primary_key": ["_orders_id", "n"],
        "include_from_parent": ["id"],
        "columns": {"n": KEY},
    }
    names = ("orders", "order_lines")

    def shop(cursor: dict[str, Any], note: dict[str, Any]) -> Shop:
        columns = {"id": KEY, "updated_at": {**cursor, "nullable": False}, "note": note}
        return records.windowed(columns=columns, more=[lines])

    row = {"id": 1, "updated_at": "2026-01-01T01:30:00Z", "note": "x", "items": [{"n": 1}, {"n": 2}]}
    records.load(row, shop=shop(INSTANT, TEXT), days=1, names=names)
    errors = records.try_load(row, shop=shop(DAY, TEXT), days=1, names=names).errors
    refusal = "the column updated_at is timestamp in the warehouse and date in the declaration"
    assert f"orders: {refusal}" in str(errors["orders"])
    assert f"order_lines: its parent orders: {refusal}" in str(errors["order_lines"])
    assert "ecom-assets reset myshop orders" in str(errors["order_lines"])
    assert records.rows("select n from order_lines order by n") == [(1,), (2,)]
    # another column of the parent is nothing that the child needs
    errors = records.try_load(row, shop=shop(INSTANT, WHOLE), days=1, names=names).errors
    assert list(errors) == ["orders"]


@pytest.mark.parametrize(
    ("pii", "counted"),
    [("hash", 2), *(pytest.param(*case, marks=pytest.mark.slow) for case in (("mask", 2), ("drop", 3)))],
)
def test_plain_values_behind_a_new_pii_are_told(records: Records, pii: str, counted: int) -> None:
    """An empty text shows nothing of a person, unless the column is to have no values at all."""
    rows = [{"id": number, "mail": mail} for number, mail in enumerate(["a@x.org", "b@x.org", "", None])]
    records.load(*rows, shop=records.shop(columns={"id": KEY, "mail": TEXT}))
    shop = records.shop(columns={"id": KEY, "mail": {**TEXT, "pii": pii}})
    told = f"pii: {pii}, but {counted} stored values are still plain; to change them: ecom-assets migrate myshop orders"
    for number in (8, 9):  # a later load tells it again
        report = records.load({"id": number, "mail": "c@x.org"}, shop=shop, pii=True)
        assert report.resources["orders"].schema_changes == {"mail": told}
        assert f"orders: the column mail: {told}" in records.lines


def test_a_change_that_the_engine_refuses_fails_this_resource_alone(records: Records) -> None:
    """DuckDB changes no column that has an index, PostgreSQL none that a view needs."""
    other = {
        "name": "others",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": KEY},
    }
    names = ("orders", "others")
    before = {"id": KEY, "total": WHOLE}
    records.load({"id": 1, "total": 5}, shop=records.shop(columns=before, more=[other]), names=names)
    if records.place.traits.keeps_columns_of_views:
        records.place.write('create view "myshop"."totals" as select total from "myshop"."orders"')
    else:
        records.place.write('create index by_total on "myshop"."orders" (total)')
    after = records.shop(columns={"id": KEY, "total": TEXT}, more=[other])
    report = records.try_load({"id": 2, "total": "6"}, shop=after, names=names)
    assert list(report.errors) == ["orders"]
    error = str(report.errors["orders"])
    assert "orders: total bigint became text: the warehouse refuses this change: " in error
    assert "Nothing of it was loaded. If a view needs the column, drop the view" in error
    assert f"{error}; the other resources are read again" in records.lines
    assert records.rows("select id, total from orders") == [(1, 5)]
    assert records.rows("select id from others order by id") == [(1,), (2,)]


def test_a_snapshot_that_changes_a_column_reads_again_after_a_later_one(records: Records) -> None:
    """The change empties the column for the new values, so it must not be made for a snapshot that is not written."""
    shops = [
        records.shop(columns={"id": KEY, "v": kind}, write_disposition="replace") for kind in (TEXT, WHOLE)
    ]
    records.load({"id": 1, "v": "a"}, shop=shops[0])
    later: list[Any] = []

    def meanwhile() -> None:
        if not later:
            later.append(None)
            records.load({"id": 1, "v": "5"}, {"id": 2, "v": "6"}, shop=shops[0])

    racing = before_each_load(records.place.warehouse(), meanwhile)
    records.load({"id": 1, "v": "4"}, shop=shops[1], warehouse=racing)
    assert records.rows("select id, v from orders order by id") == [(1, 5), (2, 6)]


def test_dispositions_and_windows_change(records: Records) -> None:
    columns = {"id": KEY, "v": TEXT, "updated_at": {**INSTANT, "nullable": False}}

    def row(number: int, value: str, hour: int = 1) -> dict[str, Any]:
        return {"id": number, "v": value, "updated_at": f"2026-01-01T0{hour}:00:00Z"}

    def stored() -> list[tuple[Any, ...]]:
        return records.rows("select id, v from orders order by id")

    records.load(row(1, "a"), row(2, "a"), shop=records.shop(columns=columns, write_disposition="replace"))
    records.load(row(2, "b"), row(3, "b"), shop=records.shop(columns=columns))
    assert stored() == [(1, "a"), (2, "b"), (3, "b")]
    records.load(row(3, "c", 2), row(4, "c"), shop=records.windowed(columns=columns), days=1)
    assert stored() == [(1, "a"), (2, "b"), (3, "c"), (4, "c")]
    bad = {**row(5, "d"), "id": None}
    records.load(row(4, "d", 2), bad, shop=records.windowed(columns=columns), days=1)
    assert records.rows("select count(*) from rejected_rows") == [(1,)]
    snapshot = records.shop(columns={**columns, "v": WHOLE}, write_disposition="replace")
    report = records.load(row(4, "7"), shop=snapshot)
    assert report.resources["orders"].schema_changes == {"v": "text became bigint"}
    assert stored() == [(4, 7)]
    # a snapshot has no windows, so what windows rejected is over
    assert records.rows("select count(*) from rejected_rows") == [(0,)]


def test_appended_rows_become_merged_ones_if_no_key_is_there_twice(records: Records) -> None:
    columns = {"id": KEY, "updated_at": {**INSTANT, "nullable": False}}
    append: dict[str, Any] = {"columns": columns, "write_disposition": "append", "primary_key": []}
    rows = [{"id": 1, "updated_at": f"2026-01-01T0{hour}:00:00Z"} for hour in (1, 2)]
    records.load(*rows, shop=records.windowed(**append), days=1)
    error = str(records.try_load(*rows, shop=records.windowed(columns=columns), days=1).errors["orders"])
    assert "the primary key id: 1 values of it are in more than one row" in error
    assert records.rows("select count(*) from orders") == [(2,)]


def test_a_renamed_resource_takes_its_table_ledger_and_rejected_rows_along(records: Records) -> None:
    columns = {"id": KEY, "lines": JSON}
    lines = {
        "name": "order_lines",
        "rows_from": {"resource": "orders", "path": "items"},
        "primary_key": ["_orders_id", "n"],
        "include_from_parent": ["id"],
        "columns": {"n": KEY},
    }
    row = {"id": 1, "items": [{"n": 1}, {"n": 2}]}
    names = ("orders", "order_lines")
    records.load(row, {"id": None}, shop=records.shop(columns=columns, more=[lines]), names=names)
    after = {**lines, "rows_from": {"resource": "sales", "path": "items"}, "primary_key": ["_sales_id", "n"]}
    shop = records.shop(name="sales", renamed_from="orders", columns=columns, more=[after])
    names = ("sales", "order_lines")
    report = records.load({"id": 1, "items": [{"n": 1}]}, {"id": 2, "items": []}, shop=shop, names=names)
    assert report.resources["sales"].schema_changes == {"*": "the table orders became sales"}
    assert report.resources["order_lines"].schema_changes == {"_sales_id": "renamed from _orders_id"}
    assert records.place.present(["orders", "sales"]) == ["sales"]
    assert records.rows("select id from sales order by id") == [(1,), (2,)]
    assert records.rows("select _sales_id, n from order_lines") == [(1, 1)]
    assert records.rows("select resource, count(*) from load_ledger group by 1 order by 1") == [
        ("order_lines", 2),
        ("sales", 2),
    ]
    assert records.rows("select count(*) from rejected_rows") == [(0,)]
    records.load({"id": 3, "items": []}, shop=shop, names=names)
    assert records.rows("select count(*) from sales") == [(3,)]


def test_a_renamed_resource_takes_its_sweeps_and_audits_along(records: Records) -> None:
    columns = {"id": KEY, "updated_at": {**INSTANT, "nullable": False}}
    swept: dict[str, Any] = {"columns": columns, "deletes": "sweep"}
    shop, secrets = records.windowed(**swept), {"api_key": "a-key"}
    warehouse = records.place.warehouse()
    records.load(*({"id": 1 + n, "updated_at": "2026-01-01T01:00:00Z"} for n in (0, 1)), shop=shop, days=1)
    detect_deletes(shop, "orders", warehouse=warehouse, secrets=secrets)
    audit(shop, ["orders"], windows=1, warehouse=warehouse, secrets=secrets)
    renamed = records.windowed(name="sales", renamed_from="orders", **swept)
    records.load(*records.orders, shop=renamed, days=2, names=("sales",))
    names = "select distinct resource from {} order by 1"
    assert records.rows(names.format("load_ledger")) == [("sales",), ("sales_deletions",)]
    assert records.rows(names.format("_ecom_audits")) == [("sales",)]


def test_the_rows_of_a_list_follow_the_type_of_their_parents_key(records: Records) -> None:
    lines = {
        "name": "order_lines",
        "rows_from": {"resource": "orders", "path": "items"},
        "primary_key": ["_orders_id", "n"],
        "include_from_parent": ["id"],
        "columns": {"n": KEY},
    }
    names = ("orders", "order_lines")
    row = {"id": 1, "items": [{"n": 1}, {"n": 2}]}
    records.load(row, shop=records.shop(columns={"id": KEY}, more=[lines]), names=names)
    shop = records.shop(columns={"id": {**TEXT, "nullable": False}}, more=[lines])
    rows = [{"id": "1", "items": [{"n": 1}]}, {"id": "B", "items": [{"n": 5}]}]
    report = records.load(*rows, shop=shop, names=names)
    assert report.resources["order_lines"].schema_changes == {"_orders_id": "bigint became text"}
    assert records.rows("select _orders_id, n from order_lines order by 1") == [("1", 1), ("B", 5)]
    # back to numbers: the key of `B` is none, so neither the orders nor their lines can go back
    shop = records.shop(columns={"id": KEY}, more=[lines])
    errors = records.try_load(row, shop=shop, names=names).errors
    assert "orders: the column id is text in the warehouse and bigint" in str(errors["orders"])
    assert "the column _orders_id is text in the warehouse" in str(errors["order_lines"])


def test_a_table_or_column_that_somebody_dropped_is_made_again(records: Records) -> None:
    shop = records.shop(columns={"id": KEY, "v": TEXT})
    records.load({"id": 1, "v": "a"}, shop=shop)
    records.place.write('alter table "myshop"."orders" drop column "v"')
    records.load({"id": 2, "v": "b"}, shop=shop)
    assert records.rows("select id, v from orders order by id") == [(1, None), (2, "b")]
    records.place.write('drop table "myshop"."orders"')
    records.load({"id": 3, "v": "c"}, shop=shop)
    assert records.rows("select id, v from orders") == [(3, "c")]


@pytest.mark.parametrize("form", ["iso8601", pytest.param("unix", marks=pytest.mark.slow)])
def test_the_check_names_the_windows_that_lack_a_new_required_column(records: Records, form: str) -> None:
    def row(number: int, day: int) -> dict[str, Any]:
        moment = datetime(2026, 1, day, 12, tzinfo=UTC)
        return {"id": number, "updated_at": int(moment.timestamp()) if form == "unix" else moment.isoformat()}

    rows = [row(1, 1), row(2, 2), row(3, 4), row(4, 5)]
    cursor = {**(WHOLE if form == "unix" else INSTANT), "nullable": False}
    records.load(*rows, shop=records.windowed(form, columns={"id": KEY, "updated_at": cursor}), days=6)
    required = {"id": KEY, "updated_at": cursor, "note": {**TEXT, "nullable": False}}
    shop = records.windowed(form, columns=required)
    records.load({**rows[3], "note": "n"}, shop=shop, days=6)
    with records.place.warehouse().read("myshop") as transaction:
        finding = examine(schema_nullability, CheckedTable(transaction, shop, shop.resource("orders")))
    assert finding.description == "note is null in 3 rows"
    assert [entry["problem"] for entry in finding.sample[1:]] == [
        "load again: 2026-01-01 to 2026-01-02",
        "load again: 2026-01-04",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "renames", [{"columns": True}, {"table": True}, {"columns": True, "table": True}], ids=str
)
def test_undeclared_fields_keep_their_columns_when_a_table_changes(
    records: Records, renames: dict[str, bool]
) -> None:
    """`userId` came first and has the column `user_id`, so `user_id` has another one, also after the change."""
    columns = {"id": KEY, "total": WHOLE}
    records.load({"id": 1, "total": 1, "userId": 10}, shop=records.shop(columns=columns))
    records.load({"id": 2, "total": 1, "userId": 20, "user_id": 21}, shop=records.shop(columns=columns))
    name = "sales" if renames.get("table") else "orders"
    keys: dict[str, Any] = {"name": name, "columns": columns}
    if renames.get("table"):
        keys["renamed_from"] = "orders"
    if renames.get("columns"):
        keys["columns"] = {"id": KEY, "amount": {**WHOLE, "path": "total", "renamed_from": "total"}}
    shop = records.shop(**keys)
    # a load without the fields remembers them as well
    records.load({"id": 3, "total": 1}, shop=shop, names=(name,))
    both = {"id": 4, "total": 1, "user_id": 41, "userId": 40}
    records.load(both, shop=shop, names=(name,))
    records.load({"id": 5, "total": 1, "user_id": 51}, shop=shop, names=(name,))
    (other,) = [column for column in records.place.columns(name) if column.startswith("user_id_")]
    found = records.rows(f'select id, user_id, "{other}" from {name} order by id')
    assert [row for row in found if row[0] > 3] == [(4, 40, 41), (5, None, 51)]
    assert [row for row in found if row[0] < 3] == [(1, 10, None), (2, 20, 21)]
