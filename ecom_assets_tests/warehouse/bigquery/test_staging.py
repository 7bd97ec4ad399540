"""Values at the edges of types come back from BigQuery's emulator as they were, inserted and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.warehouses.edge_values import ROWS
from ecom_assets_tests.support.warehouses.engines import warehouse_at

pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")

from ecom_assets.warehouse.bigquery import staging

TYPES = {
    "id": "INT64",
    "text": "STRING",
    "money": "NUMERIC(38,9)",
    "number": "FLOAT64",
    "flag": "BOOL",
    "at": "TIMESTAMP",
    "day": "DATE",
    "clock": "TIME",
    "json": "JSON",
    "bytes": "BYTES",
}
WIDER = {**TYPES, "missing": "STRING"}


@pytest.mark.slow
@pytest.mark.parametrize("few", [0, 1000])
def test_values_come_back_as_they_were(
    few: int, new_bigquery: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "FEW_ROWS", few)
    file = tmp_path / "rows.parquet"
    pq.write_table(ROWS, file)
    warehouse = warehouse_at(new_bigquery())

    def stage(transaction: Transaction) -> None:
        transaction.stage_files("ecom_read_things", WIDER, [file])
        transaction.make_table("shop", "things", WIDER, ["id"])

    with warehouse.transaction("shop", stage=stage) as transaction:
        transaction.execute('insert into "shop"."things" select * from "ecom_read_things"')
    with warehouse.read("shop") as transaction:
        found = transaction.fetch_arrow('select * from "shop"."things" order by id desc')
        assert transaction.columns_of("shop") == {"things": WIDER}
        assert ("things", "id") in transaction.required_columns_of("shop")
    assert found.drop_columns(["missing"]) == ROWS
    assert found["missing"].null_count == 3


@pytest.mark.slow
def test_tables_of_loaded_files_are_dropped_also_after_a_failure(
    new_bigquery: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecom_assets.warehouse.bigquery.transaction import BigQueryTransaction

    monkeypatch.setattr(staging, "FEW_ROWS", 0)
    file = tmp_path / "rows.parquet"
    pq.write_table(ROWS, file)
    warehouse = warehouse_at(new_bigquery())

    def left() -> list[str]:
        with warehouse.read("shop") as transaction:
            assert isinstance(transaction, BigQueryTransaction)
            return [name for name in transaction.base_tables_of("shop") if name.startswith("ecom_temp_")]

    def stage(transaction: Transaction) -> None:
        transaction.stage_files("ecom_read_things", TYPES, [file])
        assert len(left()) == 1

    with warehouse.transaction("shop", stage=stage):
        pass
    assert left() == []
    with pytest.raises(RuntimeError), warehouse.transaction("shop", stage=stage):
        raise RuntimeError
    assert left() == []


def test_rows_are_in_texts_of_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MOST_BYTES", 50)
    rows = pa.table({"a": [1, 2, 3], "b": ["x" * 20, None, "y" * 20]})
    made = list(staging.row_queries(rows, {"a": "INT64", "b": "STRING"}, lambda name: f"`{name}`"))
    assert [json.loads(text) for _, text in made] == [[["1", "x" * 20], ["2", None]], [["3", "y" * 20]]]
    assert {sql for sql, _ in made} == {
        "select cast(json_value(r, '$[0]') as INT64) as `a`, json_value(r, '$[1]') as `b` "
        "from unnest(json_query_array(?)) as r"
    }
