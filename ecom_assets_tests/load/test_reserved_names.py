"""Names that SQL or an engine keeps for itself: quoted, or refused in one line before a request is made."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

KEY = {"data_type": "bigint", "nullable": False}
WORDS = ("order", "user", "group", "select", "table", "primary", "end", "rowid")
SYSTEM = ("xmin", "ctid", "tableoid")


def test_reserved_words_are_quoted_in_tables_and_columns(records: Records) -> None:
    columns: dict[str, Any] = {"id": KEY, **{word: {"data_type": "text"} for word in WORDS[:4]}}
    lines = {
        "name": "group",
        "rows_from": {"resource": "order", "path": "items"},
        "primary_key": ["_order_id", "end"],
        "include_from_parent": ["id"],
        "columns": {"end": KEY},
    }
    shop = records.shop(name="order", columns=columns, more=[lines])
    row = {"id": 1, **{word: f"{word} 1" for word in WORDS}, "items": [{"end": 1}, {"end": 2}]}
    names = ("order", "group")
    records.load(row, shop=shop, names=names)
    records.load({**row, "select": "again", "items": [{"end": 2}]}, shop=shop, names=names)
    listed = ", ".join(f'"{word}"' for word in WORDS)
    expected = tuple("again" if word == "select" else f"{word} 1" for word in WORDS)
    assert records.rows(f'select {listed} from "order"') == [expected]
    assert records.rows('select "_order_id", "end" from "group"') == [(1, 2)]


@pytest.mark.parametrize("name", SYSTEM)
def test_a_system_column_is_refused_where_the_engine_has_it(records: Records, name: str) -> None:
    shop = records.shop(columns={"id": KEY, name: {"data_type": "text"}})
    if not records.place.traits.has_system_columns:
        records.load({"id": 1, name: "x"}, shop=shop)
        assert records.rows(f'select "{name}" from orders') == [("x",)]
        return
    before = len(records.loopback.seen)
    with pytest.raises(
        WarehouseError, match=rf"{name}( for a column)? of its own; declare the column with another name"
    ):
        records.try_load({"id": 1, name: "x"}, shop=shop)
    assert len(records.loopback.seen) == before
    shop = records.shop(columns={"id": KEY, "other": {"data_type": "text", "path": name}})
    records.load({"id": 1, name: "x"}, shop=shop)
    assert records.rows("select other from orders") == [("x",)]


@pytest.mark.parametrize("known", [False, True], ids=["in the first load", "in a later load"])
@pytest.mark.slow
def test_an_undeclared_system_column_fails_its_resource_alone(records: Records, known: bool) -> None:
    other = {
        "name": "others",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": KEY},
    }
    other["schema_contract"] = {"columns": "discard_value"}
    shop = records.shop(more=[other])
    names = ("orders", "others")
    if known:
        records.load({"id": 1}, shop=shop, names=names)
    report = records.try_load({"id": 1}, {"id": 2, "XMIN": "x", "v": 1}, shop=shop, names=names)
    assert records.rows("select count(*) from others") == [(2,)]
    if not records.place.traits.has_system_columns:
        assert report.errors == {}
        return
    assert list(report.errors) == ["orders"]
    message = str(report.errors["orders"])
    assert "of its own; declare the column with another name and path: xmin" in message
    assert "\n" not in message
    assert records.place.present(["orders"]) == (["orders"] if known else [])
    renamed = records.shop(columns={"other": {"data_type": "text", "path": "XMIN"}}, more=[other])
    records.load({"id": 2, "XMIN": "x", "v": 1}, shop=renamed, names=names)
    assert ("x",) in records.rows("select other from orders")


@pytest.mark.slow
def test_an_undeclared_column_beyond_the_engines_limit_fails_its_resource_alone(records: Records) -> None:
    other = {
        "name": "others",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": KEY},
    }
    other["schema_contract"] = {"columns": "discard_value"}
    declared = {"id": KEY, **{f"c{n}": {"data_type": "bigint"} for n in range(1598)}}
    shop = records.shop(columns=declared, more=[other])
    report = records.try_load({"id": 1, "one_more": 1}, shop=shop, names=("orders", "others"))
    assert records.rows("select count(*) from others") == [(1,)]
    if not records.place.traits.has_system_columns:
        assert report.errors == {}
        return
    assert list(report.errors) == ["orders"]
    assert "the columns one_more, and myshop.orders: 1,601 columns are more" in str(report.errors["orders"])
    records.load({"id": 1}, shop=shop, names=("orders",))


@pytest.mark.slow
def test_too_many_columns_are_refused_where_the_engine_has_a_limit(records: Records) -> None:
    shop = records.shop(columns={"id": KEY, **{f"c{n}": {"data_type": "text"} for n in range(1600)}})
    if not records.place.traits.has_system_columns:
        records.load({"id": 1}, shop=shop)
        return
    with pytest.raises(
        WarehouseError, match=r"1,602 columns are more than the 1,600 that (PostgreSQL|Redshift) allows"
    ):
        records.try_load({"id": 1}, shop=shop)


def test_a_name_that_the_engine_would_cut_off_is_refused(records: Records) -> None:
    long = "a" * 60
    shop = records.shop(
        columns={"id": KEY, f"{long}_one": {"data_type": "text"}, f"{long}_two": {"data_type": "text"}}
    )
    if records.place.engine != "postgres":
        records.load({"id": 1, f"{long}_one": "1", f"{long}_two": "2"}, shop=shop)
        assert records.rows(f'select "{long}_one", "{long}_two" from orders') == [("1", "2")]
        return
    with pytest.raises(WarehouseError, match="_one"):
        records.try_load({"id": 1}, shop=shop)
