"""`ecom-assets adopt`: loads go on with tables of a plain dlt pipeline, or with tables made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import dlt
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.loads.commands import Command
from ecom_assets_tests.support.loads.commands import run as run
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

KEY = {"data_type": "bigint", "nullable": False}
COLUMNS = {"id": KEY, "v": {"data_type": "text"}, "updated_at": {"data_type": "timestamp"}}


def by_hand(records: Records, *statements: str) -> None:
    records.place.write('create schema if not exists "myshop"', *statements)


def order(number: int, v: str, day: int = 1) -> dict[str, Any]:
    return {"id": number, "v": v, "updated_at": f"2026-01-0{day}T10:00:00Z"}


def _destination(records: Records) -> Any:
    where = records.place.where
    if records.place.engine == "duckdb":
        return dlt.destinations.duckdb(where)
    parts = urlsplit(where)
    # dlt puts the host into a connection string as it is, also a folder with a socket
    return dlt.destinations.postgres(
        {
            "database": parts.path[1:],
            "username": parts.username or "postgres",
            "password": parts.password or "none",
            "host": quote(parse_qs(parts.query)["host"][0], safe=""),
        }
    )


def load_with_plain_dlt(records: Records, folder: Path, *rows: Any, schema: str) -> None:
    """Load rows as a project without this package does, with a cursor in the pipeline's state."""

    @dlt.resource(name="orders", primary_key="id", write_disposition="merge")
    def orders(updated: Any = dlt.sources.incremental("updated_at")) -> Any:  # noqa: B008  # as dlt's docs do
        yield from rows

    @dlt.source(name=schema)
    def source() -> Any:
        return orders

    destination = _destination(records)
    pipeline = dlt.pipeline(
        "myshop", pipelines_dir=str(folder / schema), destination=destination, dataset_name="myshop"
    )
    for _ in range(2):  # the second run merges through a staging dataset
        pipeline.run(source())
    pipeline.deactivate()


@pytest.mark.parametrize("schema", [pytest.param("myshop", marks=pytest.mark.slow), "theirs"])
def test_loads_go_on_with_the_tables_of_a_plain_dlt_pipeline(
    records: Records, run: Command, tmp_path: Path, schema: str
) -> None:
    nested = {**order(2, "b", day=3), "items": [{"n": 1}]}
    load_with_plain_dlt(records, tmp_path, order(1, "a"), nested, schema=schema)
    shop = records.windowed(columns=COLUMNS)
    with pytest.raises(WarehouseError, match="ecom-assets adopt myshop"):
        records.load(order(1, "c"), shop=shop, days=3)

    before = records.place.whole_tables("orders", "_dlt_loads", "_dlt_version", "_dlt_pipeline_state")
    code, out, _ = run("adopt", typed="n")
    assert (code, "myshop.orders: 2 rows, fits the declaration" in out) == (1, True)
    assert records.place.whole_tables(*before) == before
    code, out, _ = run("adopt", "--yes")
    assert (code, out.splitlines()[-1]) == (
        0,
        "Adopted. Load the tables: status shows their windows as missing.",
    )
    assert records.place.table("orders") == before["orders"]
    assert records.rows("select count(*) from load_ledger") == [(0,)]
    code, out, _ = run("status", "--json")
    assert code == 0
    assert "missing" in out

    # the cursor of the other pipeline is later than these
    records.load(order(1, "c"), order(3, "d", day=2), {**nested, "v": "e"}, shop=shop, days=2)
    assert records.rows("select id, v from orders order by id") == [(1, "c"), (2, "b"), (3, "d")]
    records.load(order(1, "c"), order(3, "d", day=2), {**nested, "v": "e"}, shop=shop, days=3)
    assert records.rows("select id, v from orders order by id") == [(1, "c"), (2, "e"), (3, "d")]
    assert run("diff")[:2] == (0, "orders: agrees with the declaration\n")
    assert "Nothing to adopt" in run("adopt", "--yes")[1]


@pytest.mark.parametrize(
    "columns",
    [
        "id bigint primary key, v varchar",
        pytest.param(
            "id bigint not null, v varchar not null, theirs bigint not null default 7", marks=pytest.mark.slow
        ),
        pytest.param("id bigint, v varchar, unique (id)", marks=pytest.mark.slow),
    ],
)
def test_a_table_made_by_hand(records: Records, run: Command, columns: str) -> None:
    by_hand(
        records,
        f'create table "myshop"."orders" ({columns})',
        "insert into \"myshop\".\"orders\" (id, v) values (1, 'a'), (2, 'b')",
    )
    shop = records.shop(columns=COLUMNS)
    refused = str(records.try_load(order(1, "c"), shop=shop).errors["orders"])
    assert "ecom-assets adopt myshop orders" in refused
    code, out, error = run("adopt", typed="y")
    assert (code, error) == (0, "")
    assert "updated_at: added" in out
    for value in ("c", "d"):
        records.load(order(1, value), order(3, "e"), shop=shop)
        assert records.rows("select id, v from orders order by id") == [(1, value), (2, "b"), (3, "e")]


@pytest.mark.parametrize(
    ("columns", "values", "problems"),
    [
        (
            "id bigint, v varchar",
            "(1, 'x'), (1, 'y'), (2, 'z')",
            ["the primary key id: 1 values of it are in more than one row"],
        ),
        ("id bigint, v varchar", "(1, 'x'), (null, 'y')", ["the primary key id: 1 rows have no id"]),
        ("theirs bigint, v varchar", "(1, 'x')", ["the primary key id: 1 rows have no id"]),
        (
            "id varchar, v varchar, updated_at varchar",
            "('one', 'x', 'once')",
            ["the column id is text in the warehouse and bigint", "the column updated_at is text in the warehouse"],
        ),
        (
            "id integer, v varchar, updated_at timestamp",
            "(1, 'x', null)",
            ["the column id is", "the column updated_at is"],
        ),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_left_as_it_is(
    records: Records, run: Command, columns: str, values: str, problems: list[str]
) -> None:
    by_hand(
        records,
        f'create table "myshop"."orders" ({columns})',
        f'insert into "myshop"."orders" values {values}',
        'create table "myshop"."others" (id bigint)',
    )
    before = records.place.whole_tables("orders", "others")
    other = {"name": "others", "endpoint": {"path": "/orders", "data_selector": "data"}}
    records.shop(columns=COLUMNS, more=[other])
    code, out, _ = run("adopt", "--yes")
    assert code == 1
    lines = out.splitlines()
    assert lines[-1] == "Nothing was adopted."
    start = next(place for place, line in enumerate(lines) if line.startswith("myshop.orders"))
    found = [line for line in lines[start + 1 :] if line.startswith("  ")][: len(problems) + 1]
    assert [problem in line for problem, line in zip(problems, found, strict=False)] == [True] * len(problems)
    assert records.place.whole_tables("orders", "others") == before
    assert records.place.present(["load_ledger", "_dlt_version", "orders"]) == ["orders"]


def test_a_view_is_not_adopted_and_a_table_can_be_named(records: Records, run: Command) -> None:
    by_hand(
        records,
        'create view "myshop"."others" as select 7 as id',
        'create table "myshop"."orders" (id bigint)',
    )
    other = {"name": "others", "endpoint": {"path": "/orders", "data_selector": "data"}}
    shop = records.shop(more=[other])
    code, out, _ = run("adopt", "--yes")
    assert (code, "others: 0 rows, does not fit" in out, "it is a view" in out) == (1, True, True)
    code, out, error = run("adopt", "orders", "--yes", "--json")
    assert (code, [entry["table"] for entry in json.loads(out)]) == (0, ["orders"])
    assert "others" not in error
    report = records.try_load({"id": 1}, shop=shop, names=("orders", "others"))
    assert list(report.errors) == ["others"]
    assert run("adopt", "order")[2].startswith("error: TABLE: found 'order', which myshop does not declare")


@pytest.mark.slow
def test_a_table_beside_loaded_ones_and_plain_personal_data(records: Records, run: Command) -> None:
    other = {
        "name": "others",
        "endpoint": {"path": "/orders", "data_selector": "data"},
        "columns": {"id": KEY},
    }
    shop = records.shop(columns={**COLUMNS, "v": {"data_type": "text", "pii": "mask"}}, more=[other])
    records.load(order(1, "a"), shop=shop, names=("others",))
    by_hand(
        records,
        'create table "myshop"."orders" (id bigint, v varchar)',
        "insert into \"myshop\".\"orders\" values (1, 'plain'), (2, 'plain')",
    )
    before = records.place.whole_tables("others", "load_ledger")
    code, out, _ = run("adopt", "--yes")
    assert (code, "pii: mask, but 2 stored values are still plain" in out) == (0, True)
    assert records.place.whole_tables("others", "load_ledger") == before
    records.load(order(1, "c"), order(3, "d"), shop=shop, names=("orders", "others"))
    assert records.rows("select count(*) from orders") == [(3,)]
    assert records.rows("select count(*) from others") == [(2,)]
    assert run("migrate", "--yes")[0] == 0
    assert records.rows("select count(*) from orders where v = 'plain'") == [(0,)]
