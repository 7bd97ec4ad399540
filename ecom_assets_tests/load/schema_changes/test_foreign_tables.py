"""Tables that no load of the shop made are refused before anything is written, and stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records
from ecom_assets_tests.support.warehouses.engines import before_each_load

OTHER: dict[str, Any] = {"name": "others", "endpoint": {"path": "/orders", "data_selector": "data"}}
FOREIGN = (
    'create schema if not exists "myshop"',
    'create table "myshop"."orders" (id bigint, theirs varchar)',
)
ROW = 'insert into "myshop"."orders" values (7, \'x\')'


@pytest.mark.parametrize("disposition", [pytest.param("merge", marks=pytest.mark.slow), "replace"])
def test_a_table_of_the_same_name_is_refused_and_the_siblings_load(
    records: Records, disposition: str
) -> None:
    records.place.write(*FOREIGN, ROW)
    shop = records.shop(write_disposition=disposition, more=[OTHER])
    for _ in range(2):
        report = records.try_load({"id": 1}, shop=shop, names=("orders", "others"))
        assert list(report.errors) == ["orders"]
        assert "orders: the warehouse has a table myshop.orders that no load of this shop made" in str(
            report.errors["orders"]
        )
        assert records.rows("select * from orders") == [(7, "x")]
        assert records.rows("select count(*) from others") == [(1,)]
    records.place.write('drop table "myshop"."orders"')
    records.load({"id": 1}, shop=shop, names=("orders", "others"))
    assert records.rows("select id from orders") == [(1,)]


def test_a_view_and_a_name_in_other_case_are_somebody_elses_too(records: Records) -> None:
    folded = records.place.engine != "postgres"
    name = "ORDERS" if folded else "orders"
    records.place.write(
        'create schema if not exists "myshop"', f'create view "myshop"."{name}" as select 7 as id'
    )
    assert "that no load of this shop made" in str(records.try_load({"id": 1}).errors["orders"])


def test_a_view_in_place_of_a_table_of_ours_is_refused_and_the_siblings_load(records: Records) -> None:
    """Somebody renamed the table, for example, and the view shows its rows. On PostgreSQL, a load would write them."""
    shop = records.shop(more=[OTHER])
    records.load({"id": 1}, shop=shop, names=("orders", "others"))
    records.place.write(
        'alter table "myshop"."orders" rename to "former"',
        'create view "myshop"."orders" as select * from "myshop"."former"',
    )
    report = records.try_load({"id": 2}, shop=shop, names=("orders", "others"))
    assert list(report.errors) == ["orders"]
    assert str(report.errors["orders"]).startswith(
        "orders: myshop.orders in the warehouse is a view, and a load"
    )
    assert records.rows("select id from former") == [(1,)]
    assert records.rows("select count(*) from others") == [(2,)]


def test_a_table_that_appears_while_a_run_reads_is_refused(records: Records) -> None:
    records.load({"id": 1}, shop=records.shop(more=[OTHER]), names=("others",))
    done: list[bool] = []

    def create() -> None:
        if not done:
            done.append(True)
            records.place.write(*FOREIGN, ROW)

    warehouse = before_each_load(records.place.warehouse(), create)
    report = records.try_load({"id": 1}, warehouse=warehouse)
    assert "that no load of this shop made" in str(report.errors["orders"])
    assert records.rows("select * from orders") == [(7, "x")]


def test_our_tables_stay_ours_without_the_ledger(records: Records) -> None:
    records.load({"id": 1})
    records.place.write('drop table "myshop"."load_ledger"')
    records.load({"id": 2})
    assert records.rows("select count(*) from orders") == [(2,)]
    records.place.write('delete from "myshop"."_dlt_version"')
    records.load({"id": 3})
    assert records.rows("select count(*) from orders") == [(3,)]


@pytest.mark.parametrize(
    "table", ["load_ledger", "rejected_rows"], ids=["the ledger's name", "the rejected rows' name"]
)
def test_a_table_with_the_name_of_our_own_one_refuses_the_run(records: Records, table: str) -> None:
    records.place.write(
        'create schema if not exists "myshop"', f'create table "myshop"."{table}" (theirs bigint)'
    )
    with pytest.raises(WarehouseError, match=f"a table myshop.{table} that no load of this shop made"):
        records.load({"id": 1})
    assert records.place.present(["orders", table]) == [table]


def test_the_dataset_of_a_plain_dlt_pipeline_is_refused_as_a_whole(records: Records, tmp_path: Path) -> None:
    if records.place.engine != "duckdb":
        pytest.skip("the rule is the same for each engine")
    pipeline = dlt.pipeline(
        "myshop",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(records.place.where),
        dataset_name="myshop",
    )
    pipeline.run([{"id": 7}], table_name="orders")
    before = records.place.table("orders")
    for name in ("orders", "others"):
        with pytest.raises(
            WarehouseError, match="myshop in the warehouse is the dataset of another dlt pipeline"
        ):
            records.load({"id": 1}, shop=records.shop(more=[OTHER]), names=(name,))
    assert records.place.table("orders") == before
    assert records.place.present(["load_ledger", "others"]) == []


def test_a_staging_schema_of_somebody_else_is_left_alone(records: Records) -> None:
    records.place.write(
        'create schema "myshop_staging"',
        'create table "myshop_staging"."orders" (theirs bigint)',
        'insert into "myshop_staging"."orders" values (1)',
    )
    records.load({"id": 1})
    assert records.place.rows('select * from "myshop_staging"."orders"') == [(1,)]
