"""Names as APIs write them, in a configuration of dlt: tables and columns get the names that dlt gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecom_assets import rest_api_shop
from ecom_assets.foundation.errors import DeclarationError
from ecom_assets.load.run import run_load
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.warehouses.engines import Place
from ecom_assets_tests.support.warehouses.engines import place as place

LISTS: dict[str, Any] = {
    "/variantTypes": [{"orderId": "A", "createdAt": "2026-01-01T00:00:00Z"}, {"orderId": "B"}],
    "/v1/price-lists": [{"orderId": 1}],
    "/variantTypes/A/Notes": [{"orderId": 7}],
    "/variantTypes/B/Notes": [{"orderId": 8}],
    "/search": [{"orderId": 9}],
}


def answer(seen: Seen) -> Reply:
    """Answer with the list at a path; any other path does not exist."""
    if seen.path not in LISTS:
        return Reply(404, "{}")
    return Reply(body=json.dumps(LISTS[seen.path]), headers={"Content-Type": "application/json"})


def config(base_url: str, *resources: Any) -> dict[str, Any]:
    return {
        "client": {"base_url": base_url, "paginator": "single_page"},
        "resource_defaults": {"primary_key": "orderId"},
        "resources": list(resources),
    }


def test_tables_and_columns_have_the_names_that_dlt_gives_them(api: Loopback, place: Place) -> None:
    api.answering = answer
    document = config(
        api.base_url,
        {
            "name": "variantTypes",
            "columns": {"orderId": {"data_type": "text"}, "createdAt": {"data_type": "timestamp"}},
        },
        "v1/price-lists",
        {
            "name": "Notes",
            "endpoint": {"path": "variantTypes/{resources.variantTypes.orderId}/Notes"},
            "include_from_parent": ["orderId"],
            "primary_key": ["_variantTypes_orderId", "orderId"],
        },
        {
            "name": "noteTexts",
            "endpoint": {
                "path": "variantTypes/{kind}/Notes",
                "params": {"kind": {"type": "resolve", "resource": "variantTypes", "field": "orderId"}},
            },
        },
        {
            "name": "Found",
            "endpoint": {
                "path": "search",
                "method": "POST",
                "json": {"q": ["{resources.v1/price-lists.orderId}", "{{resources.variantTypes.orderId}}"]},
            },
        },
    )
    shop = rest_api_shop(place.dataset, document)
    tables = ["variant_types", "v1_price_lists", "notes", "note_texts", "found"]
    assert [resource.name for resource in shop.resources] == tables
    assert run_load(shop, tables, warehouse=place.warehouse()).errors == {}
    assert place.rows("select order_id, created_at is null from variant_types order by 1") == [
        ("A", False),
        ("B", True),
    ]
    assert place.rows("select order_id, _variant_types_order_id from notes order by 1") == [
        (7, "A"),
        (8, "B"),
    ]
    assert place.rows("select count(*) from note_texts") == [(2,)]
    assert place.rows("select order_id from v1_price_lists") == [(1,)]
    searches = {seen.body for seen in api.seen if seen.path == "/search"}
    assert list(map(json.loads, searches)) == [{"q": [1, "{resources.variantTypes.orderId}"]}]


@pytest.mark.parametrize("written", ["createdAt", "created_at", "Created At"])
def test_a_column_takes_the_field_however_both_are_written(api: Loopback, place: Place, written: str) -> None:
    row = {"orderId": 1, "createdAt": "2026-01-01T00:00:00Z", "Unit Price": "2.50"}
    api.answering = lambda seen: Reply(body=json.dumps([row]))
    columns = {written: {"data_type": "text"}, "unit_price": {"data_type": "decimal"}}
    for order in ("createdAt", "created_at"):
        row[order] = row.pop("createdAt", None) or row.pop("created_at")
        shop = rest_api_shop(place.dataset, config(api.base_url, {"name": "orders", "columns": columns}))
        assert run_load(shop, ["orders"], warehouse=place.warehouse()).errors == {}
        assert place.rows("select order_id, created_at from orders") == [(1, "2026-01-01T00:00:00Z")]
        assert place.rows("select cast(unit_price as varchar) from orders") == [("2.500000000",)]


def test_personal_data_is_found_by_the_name_as_written(api: Loopback, place: Place) -> None:
    rows = [{"orderId": 1, "e-mail": "ann@example.com"}]
    api.answering = lambda seen: Reply(body=json.dumps(rows))
    columns = {"e-mail": {"data_type": "text", "pii": "mask"}}
    shop = rest_api_shop(place.dataset, config(api.base_url, {"name": "orders", "columns": columns}))
    assert run_load(shop, ["orders"], warehouse=place.warehouse()).errors == {}
    ((masked,),) = place.rows("select e_mail from orders")
    assert masked
    assert "ann@" not in masked


@pytest.mark.parametrize("hint", [{"data_type": "timestamp"}, {}])
def test_key_and_cursor_are_columns_with_the_names_of_their_fields(
    api: Loopback, place: Place, hint: dict[str, Any]
) -> None:
    api.answering = lambda seen: Reply(body=json.dumps(LISTS["/variantTypes"][:1]))
    incremental = {
        "cursor_path": "createdAt",
        "start_param": "since",
        "initial_value": "2026-01-01T00:00:00Z",
    }
    resource = {
        "name": "orders",
        "columns": {"orderId": {"data_type": "text"}, "createdAt": {"dedup_sort": "desc", **hint}},
        "endpoint": {"path": "orders", "incremental": incremental},
    }
    shop = rest_api_shop(place.dataset, config(api.base_url, resource))
    orders = shop.resource("orders")
    assert [
        (column.name, column.path, column.nullable)
        for column in sorted(orders.columns, key=lambda column: column.name)
    ] == [
        ("created_at", ("createdAt",), False),
        ("order_id", ("orderId",), False),
    ]
    assert run_load(shop, ["orders"], warehouse=place.warehouse()).errors == {}
    assert place.rows("select order_id from orders") == [("A",)]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (["variantTypes", "variant_types"], "found 'variant_types' twice"),
        (["Ünits"], "found 'Ünits'; allowed: a lower snake_case name"),
        (["Load Ledger"], "allowed: a name that is not reserved"),
        (
            [{"name": "t", "columns": {"createdAt": {"data_type": "text"}, "created_at": {}}}],
            "resources[0].columns.created_at: found the name created_at twice",
        ),
        (
            [{"name": "t", "columns": {"createdAt": {"data_type": "texts"}}}],
            "resources[0].columns.createdAt.data_type: found 'texts'",
        ),
    ],
)
def test_a_name_that_no_table_can_have_is_refused(resources: list[Any], said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        rest_api_shop("acme", config("http://127.0.0.1:1", *resources))
    assert said in str(caught.value)


def test_an_empty_path_is_the_base_url_itself(api: Loopback, place: Place) -> None:
    api.answering = answer
    document = config(f"{api.base_url}/search", {"name": "found", "endpoint": {"path": ""}})
    report = run_load(rest_api_shop(place.dataset, document), ["found"], warehouse=place.warehouse())
    assert report.errors == {}
    assert place.rows("select order_id from found") == [(9,)]
