"""How rows of new tables are laid out: by what the declaration says of its columns, else by cursor and key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ecom_assets.declaration.reading import Resource
from ecom_assets.load.row_keys import row_layout
from ecom_assets.warehouse.remote.answers import NoRows
from ecom_assets.warehouse.remote.transaction import RemoteTransaction
from ecom_assets.warehouse.row_layout import RowLayout

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"data_type": "bigint"},
    "store_id": {"data_type": "bigint"},
    "created_at": {"data_type": "timestamp"},
    "updated_at": {"data_type": "timestamp"},
}


def resource(cursor: str = "updated_at", **hints: dict[str, bool]) -> Resource:
    columns = {name: {**body, **hints.get(name, {})} for name, body in COLUMNS.items()}
    endpoint = {"path": "orders", "incremental": {"cursor_path": cursor, "start_param": "since"}}
    if cursor == "id":
        endpoint["incremental"] |= {"initial_value": 0}  # type: ignore[operator]
    return Resource.model_validate(
        {"name": "orders", "primary_key": "id", "endpoint": endpoint, "columns": columns}
    )


def test_the_day_is_that_of_the_declared_column_else_of_the_cursor() -> None:
    assert row_layout(resource()) == RowLayout("updated_at")
    assert row_layout(resource(created_at={"partition": True})) == RowLayout("created_at")
    both = resource(created_at={"partition": True}, updated_at={"partition": True})
    assert row_layout(both) == RowLayout("created_at")


def test_a_number_has_no_day() -> None:
    assert row_layout(resource("id")) == RowLayout()
    assert row_layout(resource(store_id={"partition": True})) == RowLayout("updated_at")


def test_all_declared_columns_cluster_in_their_order() -> None:
    found = row_layout(resource(created_at={"cluster": True}, store_id={"cluster": True}))
    assert found == RowLayout("updated_at", ("store_id", "created_at"))


def made(monkeypatch: pytest.MonkeyPatch, kind: type[RemoteTransaction], types: dict[str, str]) -> list[str]:
    """Return what the engine is told to make a table, with the declared layout and without."""
    told: list[str] = []

    def run(_: Any, sql: str, *__: Any) -> NoRows:
        told.append(sql)
        return NoRows()

    monkeypatch.setattr(kind, "run", run)
    monkeypatch.setattr(kind, "_columns_from_engine", lambda *_: [])
    for layout in (RowLayout("created_at", ("store_id", "missing")), RowLayout()):
        transaction = kind(SimpleNamespace(dataset="shop"))
        transaction.note_layouts({"orders": layout})
        transaction.create_indexes("shop", {"orders": [("id",)]})
        transaction.make_table("shop", "orders", types, ())
    assert len(told) == 2
    return told


def test_bigquery_is_told_by_what_to_partition_and_to_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.cloud.bigquery", reason="the extra bigquery is not installed")
    from ecom_assets.warehouse.bigquery.transaction import BigQueryTransaction

    types = {"id": "INT64", "store_id": "INT64", "created_at": "TIMESTAMP"}
    declared, by_default = made(monkeypatch, BigQueryTransaction, types)
    assert declared.endswith(") partition by timestamp_trunc(`created_at`, day) cluster by `store_id`")
    assert by_default.endswith("TIMESTAMP) cluster by `id`")


def test_snowflake_clusters_by_declared_columns_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("snowflake.connector", reason="the extra snowflake is not installed")
    from ecom_assets.warehouse.snowflake.transaction import SnowflakeTransaction

    types = {"id": "NUMBER(19,0)", "store_id": "NUMBER(19,0)", "created_at": "TIMESTAMP_TZ"}
    declared, by_default = made(monkeypatch, SnowflakeTransaction, types)
    assert declared.endswith(') cluster by ("STORE_ID")')
    assert by_default.endswith("TIMESTAMP_TZ)")
