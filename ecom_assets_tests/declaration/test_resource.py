"""Columns, windows and resources: values that follow from others, and every way to request a window."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from ecom_assets.declaration.reading import Column, Incremental, Partitions, Resource


@pytest.mark.parametrize(
    ("name", "path"),
    [("id", ("id",)), ("a_b__c__d", ("a_b", "c", "d")), ("_orders_a__b", ("_orders_a__b",))],
)
def test_path_follows_from_the_name(name: str, path: tuple[str, ...]) -> None:
    """A double underscore leads into a mapping, except in a field that comes from the parent."""
    assert Column(name=name, data_type="text").path == path


@pytest.mark.parametrize(
    ("given", "size"),
    [({}, (38, 9)), ({"precision": 12}, (12, 0)), ({"precision": 12, "scale": 2}, (12, 2))],
)
def test_decimal_size(given: dict[str, int], size: tuple[int, int]) -> None:
    """A decimal always has a size: dlt's own, or whole numbers where just the precision is given."""
    column = Column.model_validate({"name": "total", "data_type": "decimal", **given})
    assert (column.precision, column.scale) == size


@pytest.mark.parametrize(
    "start",
    [
        "2026-01-01T06:00:00Z",
        "2026-01-01T07:00:00+01:00",
        "2026-01-01 06:00:00",
        datetime(2026, 1, 1, 6),
        datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=-1))),
    ],
)
def test_partition_start_is_an_instant(start: str | datetime) -> None:
    """A start is kept in UTC, whatever offset it has and whether YAML reads it as a time or as text."""
    found = Partitions.model_validate({"start": start}).start
    assert found == datetime(2026, 1, 1, 6, tzinfo=timezone.utc)
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("start", ["2026-01-01", date(2026, 1, 1)])
def test_partition_start_may_be_a_date(start: str | date) -> None:
    """A date is its first instant in UTC."""
    partitions = Partitions.model_validate({"every": "month", "start": start})
    assert partitions.start == datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "given",
    [
        {"start_param": None, "server_filter": False},
        {"start_param": "from", "end_param": "until", "format": "%d/%m/%Y %H:%M", "bounds": "()"},
        {"start_param": "from", "format": "unix_ms", "timezone": "America/New_York"},
    ],
)
def test_incremental(given: dict[str, Any]) -> None:
    """Every documented way to request a window is valid."""
    found = Incremental.model_validate({"cursor_path": "meta.updated_at", **given}).model_dump()
    assert {key: found[key] for key in given} == given


def test_models_by_hand() -> None:
    """The models can be made without a file, with Python's own values."""
    resource = Resource.model_validate(
        {
            "name": "orders",
            "primary_key": ("id",),
            "endpoint": {"path": "/orders"},
            "columns": (Column(name="id", data_type="bigint", nullable=False),),
        }
    )
    assert resource.column("id").path == ("id",)
    assert not resource.windowed


@pytest.mark.parametrize("deep", [False, True])
def test_what_follows_from_the_fields_of_a_copy_is_its_own(*, deep: bool) -> None:
    """These properties are computed once for each model."""
    resource = Resource.model_validate(
        {
            "name": "lines",
            "primary_key": ["_orders_id", "id"],
            "endpoint": {"path": "/orders/{resources.orders.id}/lines", "data_selector": "data"},
            "include_from_parent": ["id"],
            "columns": {"id": {"data_type": "bigint"}, "note": {"description": "by hand"}},
        }
    )
    endpoint, entries = resource.endpoint, resource.column_entries
    assert endpoint
    assert (resource.parent, [column.name for column in resource.declared_columns]) == ("orders", ["id"])
    assert resource.column_hints.keys() == {"note"}

    elsewhere = endpoint.model_copy(update={"path": "/carts/{resources.carts.id}/lines"}, deep=deep)
    copied = resource.model_copy(
        update={"endpoint": elsewhere, "column_entries": [*entries, Column(name="sku", data_type="text")]},
        deep=deep,
    )
    assert copied.parent == "carts"
    assert [column.name for column in copied.declared_columns] == ["id", "sku"]
    assert resource.model_copy(update={"column_entries": entries[:1]}, deep=deep).column_hints == {}
    assert (resource.parent, [column.name for column in resource.declared_columns]) == ("orders", ["id"])
    assert resource == resource.model_copy(deep=deep), "what was computed does not tell models apart"
