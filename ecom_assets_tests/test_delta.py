"""Delta tables as the warehouse: exact values, the same as statements in DuckDB, checks, maintenance by others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dagster import AssetCheckSeverity
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from ecom_assets.cli import main
from ecom_assets.definitions import defs
from ecom_assets.ingest.declaration import BUNDLED_SHOPS, load_shop
from ecom_assets.ingest.delta_warehouse import DeltaWarehouse
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.loading import run_load
from ecom_assets_tests.dagster_runs import runs
from ecom_assets_tests.engines import Place, warehouse_at

DAY = "2026-01-02"
TYPES = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "decimal": "DECIMAL(18,4)",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "time": "TIME",
    "binary": "BLOB",
    "json": "JSON",
    "order": "VARCHAR",
}
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        "bigint": st.none() | st.integers(-(2**63), 2**63 - 1),
        "double": st.none() | st.floats(allow_nan=False),
        "bool": st.none() | st.booleans(),
        "decimal": st.none() | st.decimals(-(10**13), 10**13, places=4),
        "timestamp": st.none()
        | st.datetimes(timezones=st.just(pa.scalar(0, pa.timestamp("us", "UTC")).as_py().tzinfo)),
        "date": st.none() | st.dates(date(1, 1, 1)),
        "time": st.none() | st.times(),
        "binary": st.none() | st.binary(),
        "json": st.none() | st.sampled_from(['{"a": [1, null]}', "[]", '"é\\n"', "1.50"]),
        "order": st.none() | st.sampled_from(["a", ""]),
    }
)
STEP = st.tuples(st.dictionaries(st.integers(0, 5), ROW, max_size=4), st.sets(st.integers(0, 5), max_size=3))
"""Rows that are put in place of what has their keys, and keys that go."""


@settings(max_examples=30)
@given(st.lists(STEP, min_size=1, max_size=4))
def test_what_transactions_did_is_there(steps: list[tuple[dict[int, dict[str, Any]], set[int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DeltaWarehouse(f"file://{folder}", {})
        expected: dict[int, dict[str, Any]] = {}
        listed = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
        for number, (come, go) in enumerate(steps):
            with warehouse.transaction("shop") as session:
                if number == 0:
                    session.execute(
                        f'create schema shop; create table shop."group" (id bigint not null, {listed})'
                    )
                touched = ", ".join(map(str, {*come, *go})) or "null"
                session.bring("group", f"rows.id in ({touched})", key=["id"])
                session.execute(f'delete from shop."group" where id in ({touched})')
                for key, row in come.items():
                    marks = ", ".join("?" * (len(row) + 1))
                    session.execute(
                        f'insert into shop."group" values ({marks})', [key, *(row[name] for name in TYPES)]
                    )
            expected = {key: row for key, row in expected.items() if key not in go} | come
            with warehouse.read("shop") as session:
                assert session.columns_of("shop")["group"] == {"id": "BIGINT", **TYPES}
                rows = session.execute('select * from "group"').fetchall()
            assert sorted(rows, key=lambda row: row[0]) == [
                (key, *(expected[key][name] for name in TYPES)) for key in sorted(expected)
            ]


@pytest.fixture
def lake(new_bucket: Callable[[], str]) -> Place:
    """Return an empty bucket."""
    return Place("delta", new_bucket())


def table(place: Place, name: str) -> DeltaTable:
    """Open a table as anybody can."""
    warehouse = place.warehouse()
    assert isinstance(warehouse, DeltaWarehouse)
    return warehouse.folder.table("sandbox", name)


@pytest.mark.slow
def test_a_run_into_a_bucket_and_its_checks(
    lake: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with runs(tmp_path, defs, lake) as sandbox:
        assert sandbox.snapshots().success
        outcome = sandbox.load(start=DAY, end="2026-01-03")
        assert outcome.success
        # customers of earlier days are not there
        red = {key for key, check in outcome.checks.items() if not check.passed}
        assert red <= {("orders", "references"), ("order_items", "references")}
        told = outcome.materialised["orders", DAY]
        orders = table(lake, "orders")
        assert told["dagster/row_count"] == orders.to_pyarrow_table().num_rows > 5
        assert told["dagster/uri"] == lake.warehouse().uri
        assert "s3cr3t-w0rd" not in repr(outcome.materialised)

        write_deltalake(orders, orders.to_pyarrow_table().slice(0, 1), mode="append")
        items = table(lake, "customers")
        rows = items.to_pyarrow_table()
        email = rows.schema.get_field_index("email")
        nulls = pa.field("email", pa.string(), nullable=True)
        rows = rows.set_column(email, nulls, pa.nulls(rows.num_rows, pa.string()))
        write_deltalake(items, rows, mode="overwrite", schema_mode="overwrite")
        products = table(lake, "products")
        rest = products.to_pyarrow_table().drop_columns(["title"])
        write_deltalake(products, rest, mode="overwrite", schema_mode="overwrite")
        for resource, check, description in (
            ("orders", "primary_key_unique", "1 values of id stand in more than one row"),
            ("customers", "schema_nullability", f"email is null in {rows.num_rows} rows"),
            ("products", "schema_nullability", "title is missing"),
        ):
            assert sandbox.check((resource, check))[resource, check].description == description
        assert (
            sandbox.check(("orders", "complete"))["orders", "complete"].severity == AssetCheckSeverity.ERROR
        )
    monkeypatch.setenv("ECOM_WAREHOUSE", lake.where)
    monkeypatch.setattr("sys.argv", ["ecom-assets", "status", "sandbox"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "orders" in capsys.readouterr().out


def stores(place: Place) -> list[tuple[Any, ...]]:
    """Load the stores and return them."""
    report = run_load(load_shop(BUNDLED_SHOPS / "sandbox.yaml"), ["stores"], warehouse=place.warehouse())
    assert report.errors == {}
    return place.table("stores")


@pytest.mark.slow
def test_tables_may_be_compacted_and_cleaned_by_others(lake: Place) -> None:
    first = stores(lake)
    stores(lake)
    for name in ("stores", "load_ledger"):
        table(lake, name).optimize.compact()
        table(lake, name).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert lake.table("stores") == first
    assert stores(lake) == first
    assert len(lake.table("load_ledger")) == 3


def test_an_unchanged_snapshot_writes_no_new_version(lake: Place) -> None:
    stores(lake)
    version = table(lake, "stores").version()
    stores(lake)
    assert table(lake, "stores").version() == version
    assert table(lake, "load_ledger").to_pyarrow_table().num_rows == 2


def test_what_is_not_there_or_not_allowed_is_one_line(
    lake: Place, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake.warehouse().read("sandbox") as session:
        assert session.columns_of("sandbox") == {}
    with pytest.raises(WarehouseError, match=r"^ECOM_PUBLISH: a copy is made of a DuckDB file only"):
        warehouse_at(lake.where, copy="copy.duckdb")
    setting = f"DESTINATION__{lake.where.upper()}__"
    monkeypatch.setenv(f"{setting}BUCKET_URL", "s3://nobody-made-this/shops")
    with pytest.raises(WarehouseError, match="NoSuchBucket") as none:
        stores(lake)
    monkeypatch.setenv(f"{setting}CREDENTIALS__ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv(f"{setting}DELTALAKE_STORAGE_OPTIONS", '{"max_retries": "1"}')
    with pytest.raises(WarehouseError, match=r"cannot be read: .*127\.0\.0\.1:1") as dead:
        stores(lake)
    monkeypatch.delenv(f"{setting}CREDENTIALS__ENDPOINT_URL")
    with pytest.raises(WarehouseError, match=r"needs destination\.\w+\.credentials\.region_name"):
        lake.warehouse()
    monkeypatch.setenv(f"{setting}BUCKET_URL", "gs://elsewhere/shops")
    with pytest.raises(
        WarehouseError, match="in a place of the kind gs; allowed: s3://BUCKET/FOLDER or a folder"
    ):
        lake.warehouse()
    for error in (none, dead):
        assert "\n" not in str(error.value)
        assert "s3cr3t-w0rd" not in str(error.value)


def test_a_folder_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "a lake"))
    assert len(stores(Place("delta", "filesystem"))) == 5
    assert DeltaTable(tmp_path / "a lake/sandbox/stores").to_pyarrow_table().num_rows == 5
