"""Values at the edges of types come back from Snowflake's emulator as they were, inserted and copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecom_assets.warehouse.snowflake import staging
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.warehouses.edge_values import ROWS
from ecom_assets_tests.support.warehouses.engines import warehouse_at

TYPES = {
    "id": "NUMBER(19,0)",
    "text": "VARCHAR",
    "money": "NUMBER(38,9)",
    "number": "FLOAT",
    "flag": "BOOLEAN",
    "at": "TIMESTAMP_TZ",
    "day": "DATE",
    "clock": "TIME",
    "json": "VARIANT",
    "bytes": "BINARY",
}


@pytest.mark.slow
@pytest.mark.parametrize("few", [0, 1000])
def test_values_come_back_as_they_were(
    few: int, new_snowflake: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecom_assets.warehouse.snowflake.transaction.FEW_ROWS", few)
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    file = folder / "rows.parquet"
    pq.write_table(ROWS, file)
    warehouse = warehouse_at(new_snowflake())

    def stage(transaction: Transaction) -> None:
        transaction.stage_files("ecom_read_things", {**TYPES, "missing": "VARCHAR"}, [file])
        transaction.make_table("shop", "things", {**TYPES, "missing": "VARCHAR"}, ["id"])

    with warehouse.transaction("shop", stage=stage) as transaction:
        transaction.execute('insert into "shop"."things" select * from "ecom_read_things"')
    with warehouse.read("shop") as transaction:
        found = transaction.fetch_arrow('select * from "shop"."things" order by id desc')
        assert transaction.columns_of("shop")["things"] == {**TYPES, "missing": "VARCHAR"}
        assert ("things", "id") in transaction.required_columns_of("shop")
    assert found.drop_columns(["missing"]) == ROWS
    assert found["missing"].null_count == 3


def test_an_insert_has_at_most_so_many_values() -> None:
    rows = pa.table({f"c{number}": pa.array(range(2500)) for number in range(7)})
    types = dict.fromkeys(rows.column_names, "NUMBER(19,0)")
    made = list(staging.insert_statements('"T"', rows, types, lambda name: f'"{name}"'))
    assert [len(parameters) // 7 for _, parameters in made] == [1000, 1000, 500]
    assert made[0][0].startswith('insert into "T" ("c0", "c1"')
    assert made[0][1][:8] == ["0"] * 7 + ["1"]


def test_rows_that_were_put_together_from_many_tables_are_one_insert() -> None:
    rows = pa.concat_tables([pa.table({"id": pa.array([number])}) for number in range(40)])
    ((_, parameters),) = staging.insert_statements(
        '"T"', rows, {"id": "NUMBER(19,0)"}, lambda name: f'"{name}"'
    )
    assert parameters == [str(number) for number in range(40)]
    assert list(staging.insert_statements('"T"', rows[:0], {"id": "NUMBER(19,0)"}, str)) == []
