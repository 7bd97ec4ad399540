"""The bundled template loads where a file extends it, and gives discovered fields its names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Shop, load_shop, shop_files
from ecom_assets.discovery.tables.columns import AS_IN_THE_TEMPLATE, ColumnDraft, draft_columns
from ecom_assets.discovery.tables.fields import flatten_records
from ecom_assets.discovery.tables.naming import NamingRules
from ecom_assets.discovery.tables.template import TEMPLATE, match_template_columns

RESOURCES = [
    "customers",
    "products",
    "variants",
    "orders",
    "order_items",
    "payments",
    "refunds",
    "inventory_levels",
]


def extended(folder: Path, text: str) -> Shop:
    """Return the shop of a file beside a copy of the template."""
    shutil.copy(TEMPLATE, folder)
    file = folder / "mine.yaml"
    file.write_text(f"name: mine\nextends: {TEMPLATE.name}\n{text}", "utf-8")
    return load_shop(file)


def columns(table: str, records: list[dict[str, Any]]) -> dict[str, ColumnDraft]:
    """Return the columns of a table by name."""
    drafts = draft_columns(flatten_records(records), {}, NamingRules(), table, len(records), True, [], [])
    assert len({column.name for column in drafts}) == len(drafts)
    return {column.name: column for column in drafts}


def test_the_template_is_no_shop_but_loads_where_it_is_extended(tmp_path: Path) -> None:
    shop = extended(tmp_path, 'client: {base_url: "https://shop.example.com"}\n')
    assert shop_files(tmp_path) == [shop.file]
    assert [resource.name for resource in shop.resources] == RESOURCES
    assert [resource.name for resource in shop.snapshot_resources()] == ["inventory_levels"]
    assert shop.client.base_url == "https://shop.example.com"
    for resource in shop.resources:
        assert resource.description
        for column in resource.columns:
            assert column.description
            assert column.pii is None
            assert column.data_type != "decimal" or (column.precision, column.scale) == (18, 4)


def test_what_its_head_says_can_be_written(tmp_path: Path) -> None:
    head = TEMPLATE.read_text("utf-8").partition("#   extends: _template.yaml\n")[2].partition("#\n")[0]
    text = "".join(f"{line.removeprefix('#').removeprefix('   ')}\n" for line in head.splitlines())
    orders = extended(tmp_path, text).resource("orders")
    names = [column.name for column in orders.columns]
    assert orders.endpoint is not None
    assert orders.endpoint.path == "/purchases"
    assert orders.column("total").path == ("amounts", "grand_total")
    assert orders.column("total").scale == 4
    assert "channel" in names
    assert "shipping_address__city" not in names


def test_its_personal_data_is_marked_as_can_be_declared(tmp_path: Path) -> None:
    """Taking each suggestion out of its comment gives a declaration that loads."""
    lines = TEMPLATE.read_text("utf-8").splitlines()
    suggested = 0
    for number, line in enumerate(lines):
        if "}" in line and "  # pii: " in line:
            body, _, way = line.partition("  # pii: ")
            lines[number] = f"{body.rstrip().removesuffix('}')}, pii: {way}}}"
            suggested += 1
    assert suggested > 8
    (tmp_path / "_all.yaml").write_text("\n".join(lines), "utf-8")
    (tmp_path / "mine.yaml").write_text("name: mine\nextends: _all.yaml\n", "utf-8")
    shop = load_shop(tmp_path / "mine.yaml")
    assert (
        sum(column.pii is not None for resource in shop.resources for column in resource.declared_columns)
        == suggested
    )


def test_a_field_by_another_word_gets_the_neutral_name() -> None:
    found = columns(
        "orders",
        [
            {
                "id": 7,
                "orderNumber": "A-7",
                "buyer": {"id": 3},
                "grand_total": "9.90",
                "dateCreated": "2026-01-01T00:00:00Z",
                "last_modified": "2026-01-02T00:00:00Z",
                "shipping_address": {"zip": "10115", "country": "DE"},
                "odd": 1,
            }
        ],
    )
    assert {name: ".".join(column.path) for name, column in found.items()} == {
        "id": "id",
        "number": "orderNumber",
        "customer_id": "buyer.id",
        "total": "grand_total",
        "created_at": "dateCreated",
        "updated_at": "last_modified",
        "shipping_address__postal_code": "shipping_address.zip",
        "shipping_address__country_code": "shipping_address.country",
        "odd": "odd",
    }
    assert AS_IN_THE_TEMPLATE in found["total"].evidence
    assert AS_IN_THE_TEMPLATE not in found["id"].evidence
    assert found["total"].description == "Amount to pay, in currency."
    assert found["odd"].description == ""


def test_the_type_must_agree() -> None:
    found = columns("orders", [{"id": 7, "grand_total": 990, "status": 3, "last_modified": "today"}])
    assert found["status"].description == ""
    assert "last_modified" in found
    assert columns("orders", [{"total_amount": "many"}])["total_amount"].description == ""


def test_a_field_that_has_the_name_keeps_it_from_others() -> None:
    instant = "2026-01-02T00:00:00Z"
    found = columns("orders", [{"modified": instant, "updated_at": instant, "id": 1}])
    assert found["updated_at"].path == ("updated_at",)
    assert found["modified"].path == ("modified",)
    # also where its type is another one, or not known
    found = columns("orders", [{"modified": instant, "updated_at": None, "id": 1}])
    assert found["modified"].path == ("modified",)


def test_of_twins_the_one_in_utc_is_the_cursor() -> None:
    record = {"date_modified": "2026-01-02T01:00:00", "date_modified_gmt": "2026-01-02T00:00:00", "id": 1}
    found = columns("orders", [record])
    assert found["updated_at"].path == ("date_modified_gmt",)
    assert any(
        evidence.startswith("local time: updated_at differs") for evidence in found["date_modified"].evidence
    )


def test_other_tables_are_left_as_they_are() -> None:
    assert match_template_columns("reviews", "review", {("created",): "timestamp"}) == {}


WORDS = st.sampled_from(
    [
        "id",
        "total",
        "grand_total",
        "created",
        "created_at",
        "updatedAt",
        "modified",
        "qty",
        "quantity",
        "buyer_id",
    ]
)
VALUES = st.sampled_from([1, "1.50", 2.5, "a", None, "2026-01-01T00:00:00Z", True])


@given(st.sampled_from(RESOURCES), st.dictionaries(WORDS, VALUES, min_size=1))
def test_no_field_is_lost(table: str, record: dict[str, Any]) -> None:
    found = columns(table, [record])
    kept = {name for name, value in record.items() if value is not None}
    assert {column.path[0] for column in found.values()} == kept
