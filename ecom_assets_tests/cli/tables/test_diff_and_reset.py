"""`ecom-assets diff` and `ecom-assets reset`: what a changed declaration means for the tables, and the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecom_assets_tests.support.loads.commands import Command
from ecom_assets_tests.support.loads.commands import run as run
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

KEY = {"data_type": "bigint", "nullable": False}
TEXT = {"data_type": "text"}
LINES: dict[str, Any] = {
    "name": "order_lines",
    "rows_from": {"resource": "orders", "path": "items"},
    "primary_key": ["_orders_id", "n"],
    "include_from_parent": ["id"],
    "columns": {"n": KEY},
}
OTHER: dict[str, Any] = {
    "name": "others",
    "endpoint": {"path": "/orders", "data_selector": "data"},
    "columns": {"id": KEY},
}
NAMES = ("orders", "order_lines", "others")
ROW = {"id": 1, "v": "x", "items": [{"n": 1}, {"n": 2}]}


def declare(records: Records, kind: dict[str, Any], **changes: Any) -> Any:
    return records.shop(columns={"id": KEY, "v": kind}, more=[LINES, OTHER], **changes)


def test_from_a_refused_change_to_a_table_loaded_anew(records: Records, run: Command) -> None:
    shop = declare(records, TEXT)
    records.load(ROW, {"id": None}, shop=shop, names=NAMES)
    assert run("diff")[:2] == (0, "".join(f"{name}: agrees with the declaration\n" for name in NAMES))

    shop = declare(records, {"data_type": "bigint"})
    code, out, _ = run("diff")
    assert code == 1
    assert (
        "orders: the next load refuses it\n  orders: the column v is text in the warehouse and bigint" in out
    )
    assert "order_lines: agrees" in out
    assert list(records.try_load(ROW, shop=shop, names=NAMES).errors) == ["orders"]

    before = records.place.whole_tables(*NAMES, "load_ledger", "rejected_rows")
    code, out, _ = run("reset", "orders", typed="n")
    assert code == 1
    assert "myshop.orders: 1 rows, 1 ledger entries, 1 rejected rows\n" in out
    assert "myshop.order_lines: 2 rows, 2 ledger entries, 0 rejected rows\n" in out
    assert "others" not in out
    assert records.place.whole_tables(*NAMES, "load_ledger", "rejected_rows") == before

    assert run("reset", "orders", typed="y")[0] == 0
    assert records.place.present([*NAMES, "rejected_rows"]) == ["others", "rejected_rows"]
    assert records.rows("select distinct resource from load_ledger") == [("others",)]
    assert records.rows("select distinct resource from rejected_rows") == []
    assert "orders: the next load makes this table\n" in run("diff")[1]

    records.load({**ROW, "v": 7}, shop=shop, names=NAMES)
    assert records.rows("select id, v from orders") == [(1, 7)]
    assert records.rows("select count(*) from order_lines") == [(2,)]
    assert records.types()["v"] == "bigint"
    code, out, _ = run("status", "--json")
    assert code == 0
    told = [(entry["resource"], entry["loaded"], entry["rows"], entry["failed"]) for entry in json.loads(out)]
    assert told == [("orders", 1, 1, 0), ("order_lines", 1, 2, 0), ("others", 1, 1, 0)]


def test_a_diff_tells_changes_new_tables_and_undeclared_ones(records: Records, run: Command) -> None:
    records.load(ROW, shop=declare(records, TEXT), names=NAMES)
    records.shop(
        columns={"id": KEY, "w": {**TEXT, "renamed_from": "v"}},
        more=[LINES, {**OTHER, "name": "fresh"}],
    )
    code, out, _ = run("diff")
    assert code == 0
    assert out == (
        "orders: the next load changes it\n"
        "  w: renamed from v\n"
        "order_lines: agrees with the declaration\n"
        "fresh: the next load makes this table\n"
        "others: no longer declared: kept. To drop it: ecom-assets reset myshop others\n"
    )
    found = json.loads(run("diff", "--json")[1])
    assert [(entry["table"], entry["state"]) for entry in found] == [
        ("orders", "changes"),
        ("order_lines", "agrees"),
        ("fresh", "new"),
        ("others", "not declared"),
    ]
    assert run("reset", "others", "--yes", "--json")[0] == 0
    assert records.place.present(NAMES) == ["orders", "order_lines"]


def test_wrong_names_and_empty_warehouses_are_one_line(records: Records, run: Command) -> None:
    declare(records, TEXT)
    if records.place.engine == "duckdb":
        assert "orders: the next load makes this table\n" in run("diff")[1]
        assert "does not exist: materialise an asset first" in run("reset", "--yes")[2]
    records.load({"id": 1}, shop=declare(records, TEXT))
    assert run("reset", "ordrs", "--yes")[::2] == (
        1,
        "error: TABLE: found 'ordrs', which is no table of myshop; allowed: order_lines, orders, others\n",
    )
    records.place.write('create table "myshop"."others" (theirs bigint)')
    assert "no load of this shop made" in run("diff")[1]
    assert "Nothing of myshop was loaded yet" in run("reset", "others", "--yes")[1]
    assert run("reset", "--yes")[0] == 0
    assert records.place.present(["orders", "others"]) == ["others"]


def test_a_view_that_is_no_longer_declared_is_named_and_dropped(
    records: Records, run: Command, tmp_path: Path
) -> None:
    shop, unions = declare(records, TEXT), tmp_path / "_unions.yaml"
    unions.write_text("unions: [{name: orders}]\n", "utf-8")
    records.load(ROW, shop=shop, names=NAMES)
    assert "all_shops" not in run("diff")[1] + run("reset", typed="n")[1]
    unions.unlink()
    line = (
        "all_shops.orders: no longer declared: kept. To drop it: ecom-assets reset myshop all_shops.orders\n"
    )
    assert line in run("diff")[1]
    assert "all_shops.orders: a view that is no longer declared\n" in run("reset", typed="n")[1]
    code, out, _ = run("reset", "all_shops.orders", "--yes")
    assert (code, out) == (0, "all_shops.orders: a view that is no longer declared\nDropped.\n")
    assert "all_shops" not in run("diff")[1]
    assert records.place.present(["orders"]) == ["orders"]
