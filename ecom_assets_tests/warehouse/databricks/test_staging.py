"""Values at the edges of types come back from the stand-in of Databricks as they were, and what killed loads leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecom_assets.warehouse.databricks import staging
from ecom_assets.warehouse.databricks.connection import Connection
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets_tests.support.emulators.databricks_driver import Service, services
from ecom_assets_tests.support.emulators.databricks_emulator import catalog_of
from ecom_assets_tests.support.warehouses.edge_values import ROWS
from ecom_assets_tests.support.warehouses.engines import Place

TYPES = {
    "id": "BIGINT",
    "text": "STRING",
    "money": "DECIMAL(38,9)",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "at": "TIMESTAMP",
    "day": "DATE",
    "clock": "TIME",
    "json": "JSON",
    "bytes": "BINARY",
}
WIDER = {**TYPES, "missing": "STRING"}


@pytest.fixture
def place(new_databricks: Callable[[], str]) -> Place:
    return Place("databricks", new_databricks(), "shop")


def service_of(place: Place) -> Service:
    return services[catalog_of(place.where)]


def left(place: Place) -> list[str]:
    """Return the tables for rows of loads that are there."""
    found = service_of(place).database.execute("select table_name from duckdb_tables()").fetchall()
    return [name for (name,) in found if name.startswith("ecom_temp_")]


@pytest.mark.parametrize("most_bytes", [900_000, 150])
def test_values_come_back_as_they_were(
    most_bytes: int, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MOST_BYTES", most_bytes)
    file = tmp_path / "rows.parquet"
    pq.write_table(ROWS, file)
    warehouse = place.warehouse()

    def stage(transaction: Transaction) -> None:
        transaction.stage_files("ecom_read_things", WIDER, [file])
        transaction.make_table("shop", "things", WIDER, ["id"])

    with warehouse.transaction("shop", stage=stage) as transaction:
        transaction.execute('insert into "shop"."things" select * from "ecom_read_things"')
    with warehouse.read("shop") as transaction:
        found = transaction.fetch_arrow('select * from "shop"."things" order by id desc')
        assert transaction.columns_of("shop") == {"things": WIDER}
        assert transaction.required_columns_of("shop") == {("things", "id")}
        (batch,) = transaction.arrow_batches('select "clock", "id" from "shop"."things" order by id desc', 10)
        # a time of the day is a text there
        assert transaction.execute("select max(clock) from shop.things").fetchall() == [("23:59:59.999999",)]
    assert found.drop_columns(["missing"]) == ROWS
    assert batch == ROWS.select(["clock", "id"])
    assert found["missing"].null_count == 3
    assert left(place) == []


def test_columns_are_added_also_when_another_load_adds_them(place: Place) -> None:
    def add(transaction: Transaction) -> None:
        transaction.make_table("shop", "things", {"id": "BIGINT", "extra": "JSON"}, ())

    place.warehouse().write("shop", lambda made: made.make_table("shop", "things", {"id": "BIGINT"}, ()))
    place.warehouse().write("shop", add)
    assert place.columns("things") == {"id": "BIGINT", "extra": "JSON"}

    def late(transaction: Transaction) -> None:
        if transaction.is_rehearsal:
            transaction.columns_of("shop")
            place.warehouse().write(
                "shop", lambda made: made.make_table("shop", "things", {"late": "STRING"}, ())
            )
        transaction.make_table("shop", "things", {"late": "STRING"}, ())

    place.warehouse().write("shop", late)
    assert list(place.columns("things")) == ["id", "extra", "late"]


def test_rows_under_the_same_name_are_kept_apart_also_after_a_load_begins_again(place: Place) -> None:
    calls: list[bool] = []

    def work(transaction: Transaction) -> None:
        calls.append(transaction.is_rehearsal)
        for table in ("first", "second"):
            transaction.make_table("shop", table, {"name": "STRING"}, ())
            with transaction.temporary_table("ecom_rows", pa.table({"name": [table]})):
                transaction.execute(f"insert into shop.{table} select name from ecom_rows")
        if len(calls) == 2:
            # another load came in between: this one is rehearsed again, with tables of another number
            transaction.execute("create temporary table ecom_more as select name from ecom_rows_of_nobody")

    def prepared(transaction: Transaction) -> None:
        transaction.stage_files("ecom_rows_of_nobody", {"name": "STRING"}, [])

    place.warehouse().write("shop", work, stage=prepared)
    assert calls == [True, False, True, False]
    assert (place.table("first"), place.table("second")) == ([("first",)], [("second",)])
    assert left(place) == []


def test_what_a_failed_load_made_is_dropped_and_what_a_killed_one_left_goes_after_a_day(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(transaction: Transaction) -> None:
        with transaction.temporary_table("ecom_rows", ROWS):
            pass

    def failing() -> None:
        with place.warehouse().transaction("shop", stage=stage):
            assert len(left(place)) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert left(place) == []

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", lambda _: None)  # as SIGKILL does
        with place.warehouse().transaction("shop", stage=stage):
            pass
    assert len(left(place)) == 1
    with place.warehouse().transaction("shop"):
        pass
    assert len(left(place)) == 1
    service_of(place).database.execute("update dbx.created set made = now() - interval '25 hours'")
    with place.warehouse().transaction("shop"):
        pass
    assert left(place) == []
    assert place.rows("select count(*) from _dlt_ecom_lock") == [(1,)]


def test_a_dataset_is_dropped_with_what_killed_loads_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(transaction: Transaction) -> None:
        with transaction.temporary_table("ecom_rows", ROWS):
            pass

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", lambda _: None)
        with place.warehouse().transaction("shop", stage=stage):
            pass
    with place.warehouse().transaction("shop") as transaction:
        transaction.execute('drop schema if exists "shop"')
    assert service_of(place).database.execute(
        "select count(*) from duckdb_schemas() where schema_name='shop'"
    ).fetchall() == [(0,)]


def test_rows_are_in_texts_of_limited_size_and_a_large_row_is_in_the_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "MOST_BYTES", 60)
    rows = pa.table({"a": [1, 2, 3, 4], "b": ["é" * 10, None, "y" * 20, "it's \\" * 20]})
    made = list(
        staging.insert_statements("`t`", rows, {"a": "BIGINT", "b": "STRING"}, lambda name: f"`{name}`")
    )
    assert [[json.loads(text) for text in parameters] for _, parameters in made] == [
        [[["1", "é" * 10], ["2", None]]],
        [[["3", "y" * 20]]],
        [],
    ]
    assert made[0][0] == (
        "insert into `t` (`a`, `b`) select cast(r[0] as BIGINT), r[1] "
        "from (select explode(from_json(?, 'array<array<string>>')) as r) as ecom_rows"
    )
    assert "from_json('[[\"4\",\"it\\'s \\\\\\\\it\\'s" in made[2][0]
