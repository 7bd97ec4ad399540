"""Columns without `data_type`, as in dlt: the type is inferred, and what the file says of the column holds."""

from __future__ import annotations

from typing import Any

import pytest

from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.load.row_keys import row_layout
from ecom_assets.orchestration.translator import loaded_table_schema
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

AT = "2026-01-01T10:00:00Z"


@pytest.mark.parametrize(
    "columns",
    [
        {"created_at": {"partition": True}, "sku": {"nullable": False, "sort": True}, "note": {}},
        [{"name": "created_at", "partition": True}, {"name": "sku", "nullable": False}],
        {"sku": {"data_type": None, "nullable": False, "volatile": False}},
    ],
)
def test_the_types_are_those_of_undeclared_columns(records: Records, columns: Any) -> None:
    shop = records.shop(columns=columns)
    for _ in range(2):
        records.load({"id": 1, "sku": 7, "created_at": AT}, {"id": 2, "created_at": AT}, shop=shop)
        assert records.types() == {"id": "bigint", "sku": "bigint", "created_at": "timestamp"}
        assert records.rows("select id, sku from orders") == [(1, 7)]
        assert records.rows("select reasons from rejected_rows") == [("sku: null, but not nullable",)]
    # as in a table without declared columns, a wider type comes with the values
    records.load({"id": 1, "sku": "A", "created_at": AT}, shop=shop)
    assert records.types()["sku"] == "text"


def test_an_object_counts_as_a_value_and_a_spelling_of_the_api_as_its_column(records: Records) -> None:
    shop = records.shop(columns={"buyer": {"nullable": False}, "first_name": {"nullable": False}})
    records.load({"id": 1, "buyer": {"name": "x"}, "firstName": "y"}, {"id": 2, "firstName": "y"}, shop=shop)
    assert records.rows("select id, buyer__name, first_name from orders") == [(1, "x", "y")]


def test_hints_make_the_key_and_the_cursor(records: Records) -> None:
    shop = records.windowed(
        primary_key=None,
        columns={"order_id": {"primary_key": True}, "updated_at": {"dedup_sort": "desc", "cluster": True}},
    )
    resource = shop.resource("orders")
    assert resource.primary_key == ("order_id",)
    assert [(column.name, column.inferred, column.nullable) for column in resource.columns] == [
        ("order_id", True, False),
        ("updated_at", True, False),
    ]
    records.load({"order_id": "A", "updated_at": AT}, shop=shop, days=1)
    assert records.types() == {"order_id": "text", "updated_at": "timestamp"}


def test_hints_lay_out_new_tables(records: Records) -> None:
    columns = {"created": {"partition": True}, "sku": {"cluster": True}, "id": {"cluster": True}}
    resource = records.shop(columns=columns).resource("orders")
    assert row_layout(resource) == RowLayout("created", ("id", "sku"))


def test_a_description_is_shown_without_a_type(records: Records) -> None:
    described = {"id": {"description": "the number"}, "sku": {"description": "the article"}}
    resource = records.shop(columns=described).resource("orders")
    sku = resource.column_hints["sku"].model_copy(update={"description": None})
    shown = loaded_table_schema(resource, [*resource.columns, sku])
    assert [column.description for column in shown.columns] == ["the number", "the article"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"sku": {"path": "a.b"}},
            "columns.sku.data_type: found nothing, while path needs the type; allowed: text, bigint",
        ),
        (
            {"sku": {"nullable": False, "pii": "hash"}},
            "columns.sku.data_type: found nothing, while pii needs the type; allowed: text, bigint",
        ),
        ({"id": {"nullable": True}}, "columns.id.nullable: found true; allowed: false, because the column"),
    ],
)
def test_what_needs_a_type_is_refused(records: Records, columns: Any, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        records.shop(columns=columns)
    assert said in str(caught.value)
