"""Loads without declared columns: the types come from the records, and stay as the warehouse has them."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets_tests.support.servers.loopback import Reply, Seen, json_reply
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import before_each_load

AT = "2026-01-01T10:00:00Z"


def lines(key: str) -> dict[str, Any]:
    """Return the table of the lines of orders, whose key in an order is a field."""
    return {
        "name": "lines",
        "rows_from": {"resource": "orders", "path": "lines"},
        "include_from_parent": ["id"],
        "primary_key": ["_orders_id", key],
    }


@pytest.mark.parametrize("total", [False, True])
def test_the_plainest_configuration_loads(records: Records, total: bool) -> None:
    records.total = total
    orders = [{"id": number, "name": f"n{number}", "updated_at": AT} for number in range(250)]
    report = records.load(*orders)
    assert records.types() == {"id": "bigint", "name": "text", "updated_at": "timestamp"}
    assert records.rows("select count(*), count(distinct id) from orders") == [(250, 250)]
    assert report.resources["orders"].windows[0].source_total == (250 if total else None)
    assert records.rows("select fetched, kept, rejected from load_ledger") == [(250, 250, 0)]
    # the second load changes a row, and leaves the one that is gone
    records.load({"id": 1, "name": "new", "updated_at": AT})
    assert records.types() == {"id": "bigint", "name": "text", "updated_at": "timestamp"}
    assert records.rows("select count(*) from orders") == [(250,)]
    assert records.rows("select name from orders where id = 1") == [("new",)]


def test_a_table_is_made_without_a_declared_column_and_its_key_is_not_null(records: Records) -> None:
    records.load({"id": 1}, {"id": None, "name": "x"}, {"name": "y"})
    assert records.rows("select id from orders") == [(1,)]
    assert records.place.not_null("orders") == 1
    assert sorted(records.rows("select reasons from rejected_rows")) == [
        ("id: null, but part of the primary key",),
        ("id: null, but part of the primary key",),
    ]


@pytest.mark.parametrize(
    ("ids", "kind"),
    [([1, 2], "bigint"), (["A-1", "B-2"], "text"), ([1, "A-1"], "text"), ([2**64, 1], "text")],
)
def test_keys_are_numbers_or_texts(records: Records, ids: list[Any], kind: str) -> None:
    for _ in range(2):
        records.load(*({"id": entry} for entry in ids))
        assert records.types() == {"id": kind}
        found = sorted(records.rows("select id from orders"))
        assert found == sorted((entry if kind == "bigint" else str(entry),) for entry in ids)


def test_a_key_of_several_fields_with_names_as_the_api_writes_them(records: Records) -> None:
    shop = records.shop(primary_key=["orderId", "line"])
    for _ in range(2):
        records.load({"orderId": "A", "line": 1}, {"orderId": "A", "line": 2, "Ünit Price": 2.5}, shop=shop)
        assert records.types() == {"order_id": "text", "line": "bigint", "_nit_price": "double"}
        assert records.rows("select count(*) from orders") == [(2,)]


def test_nested_objects_become_columns_and_lists_json(records: Records) -> None:
    records.load(
        {"id": 1, "buyer": {"name": "x", "address": {"city": "y"}}, "lines": [{"sku": "a"}], "tags": []}
    )
    assert records.types() == {
        "id": "bigint",
        "buyer__address__city": "text",
        "buyer__name": "text",
        "lines": "json",
        "tags": "json",
    }


def test_a_column_that_is_only_null_comes_with_its_first_value(records: Records) -> None:
    records.load({"id": 1, "note": None})
    assert records.types() == {"id": "bigint"}
    records.load({"id": 2, "note": True})
    assert records.types() == {"id": "bigint", "note": "bool"}


@pytest.mark.parametrize("disposition", ["merge", "append", "replace"])
def test_a_misspelt_key_fails_the_load(records: Records, disposition: str) -> None:
    orders = [{"id": 1}, {"id": 2}]
    report = records.try_load(*orders, shop=records.shop(primary_key="nr", write_disposition=disposition))
    assert str(report.errors["orders"]) == (
        "orders: all 2 records of the list were rejected, the first one because of: nr: null, but part of the primary "
        "key. Correct primary_key, or declare max_rejected: 1 to load such a list"
    )
    shop = records.shop(primary_key="nr", write_disposition=disposition, max_rejected=1)
    records.load(*orders, shop=shop)
    assert records.rows("select count(*) from rejected_rows") == [(2,)]


@pytest.mark.parametrize(
    ("key", "field"), [("ID", "Id"), ("id", "ID"), ("OrderID", "orderId"), ("order_id", "orderId")]
)
def test_a_key_that_the_api_spells_in_another_way_is_found_as_in_dlt(
    records: Records, key: str, field: str
) -> None:
    for name in ("x", "y"):
        records.load({field: 1, "name": name}, {field: 2, "name": name}, shop=records.shop(primary_key=key))
        column = "id" if key.lower() == "id" else "order_id"
        assert records.types() == {column: "bigint", "name": "text"}
        assert sorted(records.rows(f"select {column}, name from orders")) == [(1, name), (2, name)]


@pytest.mark.parametrize(("key", "kind"), [(7, "bigint"), ("A-7", "text")])
def test_after_empty_loads_the_first_records_decide_on_the_type_of_the_key(
    records: Records, key: Any, kind: str
) -> None:
    for _ in range(2):
        records.load()
        assert records.types() == {"id": "text"}
    if records.place.traits.ddl_commits:
        key, kind = str(key), "text"  # no transaction could hold a table that is made anew
    for _ in range(2):
        records.load({"id": key, "name": "x"})
        assert records.types() == {"id": kind, "name": "text"}
        assert records.rows("select id, name from orders") == [(key, "x")]
        assert records.place.not_null("orders") == 1


def test_a_view_over_an_empty_table_that_is_made_anew(records: Records) -> None:
    records.load()
    records.place.write('create view "myshop"."ids" as select id from "myshop"."orders"')
    if records.place.traits.keeps_columns_of_views:
        message = str(records.try_load({"id": 7}).errors["orders"])
        assert "the table has no rows and cannot be made anew, so that id can be bigint: " in message
        assert "drop the view and create it again after the load" in message
        records.place.write('drop view "myshop"."ids"')
    records.load({"id": 7})
    kind = "text" if records.place.traits.ddl_commits else "bigint"
    assert records.types() == {"id": kind}


def test_a_load_without_records_does_not_change_the_type_that_another_one_has_found(records: Records) -> None:
    records.load()
    other = before_each_load(records.place.warehouse(), lambda: records.load({"id": 7}))
    records.load(warehouse=other)
    kind = "text" if records.place.traits.ddl_commits else "bigint"
    assert records.types() == {"id": kind}
    assert records.rows("select count(*) from orders") == [(1,)]


@pytest.mark.parametrize("ids", [[7, 8], ["A-7", "A-8"], [7, "A-8"]])
def test_a_nested_list_that_begins_late_has_the_type_of_its_keys(records: Records, ids: list[Any]) -> None:
    """The first page of orders has no line, so nothing but the reading shows what a line's key is."""
    shop = records.shop(more=[lines("id")])
    kind: type = int if ids == [7, 8] else str
    orders: list[Any] = [{"id": number, "lines": []} for number in range(250)]
    orders[150]["lines"], orders[249]["lines"] = [{"id": ids[0]}], [{"id": ids[1]}]
    for _ in range(2):
        records.load(*orders, shop=shop, names=["orders", "lines"])
        assert records.types("lines") == {"_orders_id": "bigint", "id": "bigint" if kind is int else "text"}
        found = records.rows("select _orders_id, id from lines")
        assert sorted(found) == [(150, kind(ids[0])), (249, kind(ids[1]))]


@pytest.mark.parametrize("empty_before", [True, False])
def test_children_that_come_late_have_the_types_of_their_keys_and_of_their_parent(
    records: Records, empty_before: bool
) -> None:
    notes = {
        "name": "notes",
        "endpoint": {"path": "/orders/{resources.orders.id}/notes", "data_selector": "data"},
        "include_from_parent": ["id"],
        "primary_key": ["_orders_id", "id"],
    }
    shop = records.shop(more=[notes])
    list_of_orders = records.loopback.answering

    def answer(seen: Seen) -> Reply:
        if "/notes" in seen.path:
            return json_reply({"data": [{"id": 1}, {"id": 2}] if "/149/" in seen.path else []})
        assert list_of_orders is not None
        return list_of_orders(seen)

    records.loopback.answering = answer
    if empty_before:
        records.load(shop=shop, names=["orders", "notes"])
    for _ in range(2):
        records.load(*({"id": number} for number in range(150)), shop=shop, names=["orders", "notes"])
        kept_as_text = empty_before and records.place.traits.ddl_commits
        kind = "text" if kept_as_text else "bigint"
        assert records.types("notes") == {"_orders_id": kind, "id": kind}
        assert sorted(records.rows("select cast(_orders_id as int), cast(id as int) from notes")) == [
            (149, 1),
            (149, 2),
        ]


@pytest.mark.parametrize("cursor", ["timestamp", "bigint"])
def test_windows_with_an_undeclared_cursor(records: Records, cursor: str) -> None:
    def at(day: int) -> Any:
        return f"2026-01-0{day}T10:00:00Z" if cursor == "timestamp" else 1767261600 + (day - 1) * 86400

    shop = records.windowed("iso8601" if cursor == "timestamp" else "unix")
    orders = [{"id": number, "updated_at": at(day)} for number, day in ((1, 1), (2, 2), (3, 2))]
    report = records.load(*orders, shop=shop, days=2)
    assert [window.kept for window in report.resources["orders"].windows] == [1, 2]
    assert records.types() == {"id": "bigint", "updated_at": cursor}
    assert records.place.not_null("orders") == 2


@pytest.mark.parametrize("contract", [{}, {"schema_contract": {"columns": "discard_value"}}])
def test_rows_of_a_list_that_are_replaced_get_new_columns(records: Records, contract: dict[str, Any]) -> None:
    """An undeclared field that is new, a column that is declared anew, and a type that is widened, all at once."""
    table = {**lines("nr"), "columns": {"_orders_id": {"data_type": "bigint"}, "nr": {"data_type": "bigint"}}}
    before = records.windowed(more=[{**table, **contract}])
    line: dict[str, Any] = {"nr": 1, "qty": 2}
    names = ("orders", "lines")
    records.load({"id": 1, "updated_at": AT, "lines": [line]}, shop=before, days=1, names=names)
    table["columns"] |= {"nr": {"data_type": "text"}, "note": {"data_type": "text"}}
    after = records.windowed(more=[{**table, **contract}])
    line |= {"gift": True, "note": "x"}
    for _ in range(2):
        records.load({"id": 1, "updated_at": AT, "lines": [line]}, shop=after, days=1, names=names)
        assert records.rows("select nr, note from lines") == [("1", "x")]
    if not contract:
        assert records.rows("select qty, gift from lines") == [(2, True)]


def test_nested_rows_without_declared_columns(records: Records) -> None:
    shop = records.windowed(more=[lines("sku")])
    order = {"id": "A", "updated_at": AT, "lines": [{"sku": "a", "n": 1}, {"sku": "b"}]}
    records.load(order, shop=shop, days=1, names=["orders", "lines"])
    assert records.types("lines") == {"_orders_id": "text", "sku": "text", "n": "bigint"}
    records.load({**order, "lines": [{"sku": "b"}]}, shop=shop, days=1, names=["orders", "lines"])
    assert records.rows("select _orders_id, sku from lines") == [("A", "b")]


@pytest.mark.parametrize("policy", ["discard_value", "freeze"])
def test_the_first_records_make_the_table_whatever_the_contract_says(records: Records, policy: str) -> None:
    shop = records.shop(schema_contract={"columns": policy})
    records.load({"id": 1, "name": "x"}, shop=shop)
    report = records.try_load({"id": 1, "name": "y", "rank": 1}, shop=shop)
    assert records.types() == {"id": "bigint", "name": "text"}
    if policy == "freeze":
        assert "found the undeclared fields rank; allowed are the columns of the table" in str(
            report.errors["orders"]
        )
    else:
        assert report.resources["orders"].discarded == {"rank": 1}
        assert records.rows("select name from orders") == [("y",)]
