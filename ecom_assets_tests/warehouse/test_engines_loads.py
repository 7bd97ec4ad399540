"""All engines store the same tables, types and rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.sandbox.server import Running
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.loads.forked_loads import WINDOWED, shop_at
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox
from ecom_assets_tests.support.loads.still_sandbox import server as server
from ecom_assets_tests.support.warehouses.engines import Place, engines_where

UTC = timezone.utc
SNAPSHOTS = ["products", "stores"]
ORDERS = "/v1/orders"


@pytest.fixture
def load(sandbox: Running) -> Callable[..., RunReport]:
    """Return a function that loads from the sandbox into a place."""

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


@pytest.mark.parametrize("new_place", engines_where(), indirect=True)
def test_tables_and_types_are_those_of_the_contract(place: Place, load: Load) -> None:
    shop = shop_at("http://127.0.0.1:1")
    assert load(place, WINDOWED, WEEK[:1]).errors == load(place, SNAPSHOTS).errors == {}
    with place.warehouse().read("sandbox") as transaction:
        there = transaction.columns_of("sandbox")
        for resource in shop.resources:
            declared = {column.name: transaction.type_of(column) for column in resource.table_columns}
            assert there[resource.name] == declared
    for resource in shop.resources:
        assert place.not_null(resource.name) == sum(not column.nullable for column in resource.table_columns)


@pytest.mark.parametrize("new_place", engines_where(), indirect=True)
def test_what_is_known_of_a_new_table_is_what_the_engine_says(place: Place) -> None:
    def compare(transaction: Transaction) -> None:
        transaction.create_schema("sandbox")
        transaction.execute('create table "sandbox"."earlier" ("id" integer not null)')
        columns = [Column(name=f"a_{kind}", data_type=kind) for kind in COLUMN_TYPES]
        columns += [Column(name="sized", data_type="decimal", precision=12, scale=3)]
        types = {column.name: transaction.type_of(column) for column in columns}
        for table in ("wide", "wider"):
            transaction.make_table("sandbox", table, types, ["a_bigint", "sized"])
        known = transaction.columns_of("sandbox"), transaction.required_columns_of("sandbox")
        transaction.forget_columns()
        assert (transaction.columns_of("sandbox"), transaction.required_columns_of("sandbox")) == known
        assert list(known[0]["wider"]) == list(types)
        found = [transaction.column_of(name, kind) for name, kind in types.items()]
        assert [entry and (entry.name, entry.data_type, entry.precision, entry.scale) for entry in found] == [
            (column.name, column.data_type, column.precision, column.scale) for column in columns
        ]

    # before the transaction, where an engine cannot make a table in it
    with place.warehouse().transaction("sandbox", stage=compare):
        pass


@pytest.mark.parametrize(
    "new_place",
    ["postgres", pytest.param("ducklake", marks=pytest.mark.slow)],
    indirect=True,
)
def test_the_engines_store_the_same_rows(
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
    """Return rows without the differences of the drivers: JSON as text or as a value, the class of a time zone."""

    def value(found: Any) -> Any:
        if isinstance(found, datetime):
            return found.astimezone(UTC)
        return json.loads(found) if isinstance(found, str) and found.startswith("[") else found

    return sorted((tuple(map(value, row)) for row in rows), key=repr)
