"""Columns, keys and nested lists are drafted from records, and the contract keeps every one of these records."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.discovery.endpoint_draft import EndpointDraft, Guess, Paging
from ecom_assets.discovery.output.shop_yaml import ShopDraft
from ecom_assets.discovery.tables.described_fields import DescribedField, DescribedTable
from ecom_assets.discovery.tables.naming import NamingRules, singular
from ecom_assets.discovery.tables.table_draft import TableDraft, add_references, draft_tables
from ecom_assets.discovery.tables.type_inference import infer_type
from ecom_assets.discovery.verification import load_text, rejected_rows, verified_yaml
from ecom_assets.foundation.errors import ApiError


def drafted(
    records: list[Any], said: DescribedTable | None = None, complete: bool = False
) -> list[TableDraft]:
    found = EndpointDraft(
        "/orders",
        records,
        ("data",),
        Guess("data", ""),
        Paging({"type": "single_page"}, ""),
        complete=complete,
    )
    return draft_tables(found, "orders", NamingRules(), [], said or DescribedTable())


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("price", ["1.50", "12"], ("decimal", 18, 4)),
        ("price", ["1.50", "", None], ("decimal", 18, 4)),
        ("price", [1, 2.5], ("decimal", 18, 4)),
        ("price", [1, 2], ("decimal", 18, 4)),
        ("price", [" 1.5 ", 2], ("decimal", 18, 4)),
        ("price", ["1.23456"], ("decimal", 38, 9)),
        ("price", ["12345678901234567890.5"], ("decimal", 38, 9)),
        ("price_cents", [150, 200], ("bigint", None, None)),
        ("total_count", [1, 2], ("bigint", None, None)),
        ("tax_rate", [0.19, 0.255], ("decimal", None, None)),
        ("latitude", [52.5, 13.4], ("double", None, None)),
        ("ratio", [0.3333333333333333], ("double", None, None)),
        ("version", ["1.10", "1.9"], ("text", None, None)),
        ("postal_code", ["01067", "10115"], ("text", None, None)),
        ("number", ["1001", "1002"], ("text", None, None)),
        ("count", [2**70], ("decimal", 38, 0)),
        ("amount", [Decimal("1.5")], ("decimal", 18, 4)),
        ("updated_at", ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+02:00"], ("timestamp", None, None)),
        ("updated_at", ["2026-01-01 00:00:00"], ("timestamp", None, None)),
        ("updated_at", ["0000-00-00 00:00:00"], ("timestamp", None, None)),
        ("created", [1767225600], ("timestamp", None, None)),
        ("created", [1767225600000], ("timestamp", None, None)),
        ("quantity", [1767225600], ("bigint", None, None)),
        ("born_on", ["2026-01-01"], ("date", None, None)),
        ("opens", ["08:30:00"], ("time", None, None)),
        ("paid", [True, False], ("bool", None, None)),
        ("paid", [True, 2], ("text", None, None)),
        ("tags", [["a"], []], ("json", None, None)),
        ("code", ["a", 5], ("text", None, None)),
    ],
)
def test_types(name: str, values: list[Any], expected: tuple[Any, ...]) -> None:
    kind = infer_type(name, values)
    assert kind is not None
    assert (kind.data_type, kind.precision, kind.scale) == expected


def test_what_is_always_null_has_no_type_and_is_left_to_the_contract() -> None:
    assert infer_type("note", [None, None]) is None
    (orders,) = drafted([{"id": 1, "note": None}, {"id": 2, "note": None}])
    assert [column.name for column in orders.columns] == ["id"]
    assert orders.notes == ["always null, so left to schema_contract: note"]


@pytest.mark.parametrize(
    ("stock", "is_map"),
    [
        ({f"SKU-{n}": {"price": n, "left": 1} for n in range(8)}, True),
        ({f"article{n}": n for n in range(20_000)}, True),
        ({f"article {chr(97 + n % 26)}{chr(97 + n // 26)}": "x" for n in range(201)}, True),
        ({"2026-01-01": 3, "2026-01-02": 4}, True),
        ({"0b8f6f5e-7c1d-4a9e-9a55-0123456789ab": {"left": 1}}, True),
        ({f"field_{chr(97 + n % 26)}{chr(97 + n // 26)}": n for n in range(60)}, False),
        ({f"line{n}": "x" for n in range(4)}, False),
        ({"address1": "x", "address2": None, "city": "y"}, False),
    ],
)
def test_an_object_keyed_by_ids_stays_json(stock: dict[str, Any], is_map: bool) -> None:
    begun = time.process_time()
    (orders,) = drafted([{"id": number, "stock": stock} for number in range(3)])
    assert time.process_time() - begun < 2
    columns = {column.name: column.type.data_type for column in orders.columns}
    assert (columns.get("stock") == "json") is is_map
    assert len(columns) == (
        2 if is_map else 1 + len([value for value in stock.values() if value is not None])
    )


ORDERS = [
    {
        "id": number,
        "ORDER-Number": f"A{number}",
        "buyer": {"id": number % 3},
        "address": None if number % 4 == 0 else {"city": "Łódź", "geo": {"lat": 1.5}},
        "tags": ["new"],
        "prices": {str(number): 1},
        "line_items": [
            {"id": line, "sku": f"S{line}", "tax": [{"rate": 1}]} for line in range(number % 3 + 1)
        ],
        "history": [{"text": "same"}, {"text": "same"}],
        "odd.name": 1,
    }
    for number in range(30)
]


def test_tables_of_nested_records() -> None:
    orders, items = drafted(ORDERS)
    assert {column.name: (column.type.data_type, column.nullable) for column in orders.columns} == {
        "id": ("bigint", False),
        "number": ("text", False),
        "customer_id": ("bigint", False),
        "address__city": ("text", True),
        "address__geo__lat": ("double", True),
        "tags": ("json", False),
        "prices": ("json", False),
        "history": ("json", False),
    }
    assert orders.key.value == ["id"]
    assert "odd.name" in orders.notes[-1]
    assert (items.name, items.list_path, items.key.value) == (
        "order_items",
        ("line_items",),
        ["order_id", "id"],
    )
    assert {column.name: column.type.data_type for column in items.columns} == {
        "order_id": "bigint",
        "id": "bigint",
        "sku": "text",
        "tax": "json",
    }
    shop = load_text(
        verified_yaml(ShopDraft("shop", "https://api.example.com", tables=[orders, items])), "shop"
    )
    assert shop.resource("orders").column("number").path == ("ORDER-Number",)
    assert shop.resource("order_items").column("order_id").path == ("_orders_id",)


def test_a_key_of_two_fields_and_none_at_all() -> None:
    (stock,) = drafted([{"sku": f"S{number % 5}", "depot": number // 5, "on": 1} for number in range(20)])
    assert stock.key.value == ["sku", "depot"]
    with pytest.raises(ApiError, match="no field, and no two fields, identify each of its 3 records"):
        drafted([{"a": 1}] * 3)


def test_few_records_do_not_prove_that_a_field_is_never_null() -> None:
    (few,) = drafted([{"id": number, "name": "x"} for number in range(5)])
    (complete,) = drafted([{"id": number, "name": "x"} for number in range(5)], complete=True)
    assert [column.nullable for column in few.columns] == [False, True]
    assert [column.nullable for column in complete.columns] == [False, False]


def test_foreign_keys_are_named_after_their_table_unless_the_sample_speaks_against_it() -> None:
    def shops(ids: range) -> TableDraft:
        found = EndpointDraft(
            "/stores",
            [{"id": number} for number in ids],
            (),
            Guess("$", ""),
            Paging({"type": "single_page"}, ""),
        )
        found.complete = True
        return draft_tables(found, "stores", NamingRules(), [], DescribedTable())[0]

    for ids, expected in ((range(3), "stores.id"), (range(2), None)):
        (orders,) = drafted([{"id": number, "store_id": number % 3} for number in range(9)])
        add_references([orders, shops(ids)], NamingRules())
        assert orders.columns[1].references == expected


@pytest.mark.parametrize(
    ("path", "taken", "expected"),
    [
        ("/v1/orders", [], "orders"),
        ("/admin/api/2026-01/orders.json", [], "orders"),
        ("/api/shop/orderItems/", [], "order_items"),
        ("/eu/orders", ["orders"], "eu_orders"),
        ("/load_ledger", [], "shop_load_ledger"),
        ("/", [], "records"),
        ("/123", [], "field_123"),
    ],
)
def test_names_of_resources(path: str, taken: list[str], expected: str) -> None:
    assert NamingRules().resource(path, taken) == expected


def test_singulars() -> None:
    words = {
        "orders": "order",
        "categories": "category",
        "addresses": "address",
        "boxes": "box",
        "status": "status",
    }
    assert {word: singular(word) for word in words} == words


def test_what_was_seen_goes_before_what_is_described() -> None:
    said = DescribedTable(
        {
            ("id",): DescribedField("bigint", "integer", False, "Identifies the order."),
            ("status",): DescribedField("bigint", "integer", False),
            ("weight",): DescribedField("decimal", "number"),
            ("name",): DescribedField("text", "string", True),
            ("note",): DescribedField("text", "string", None, "A remark."),
            ("city",): DescribedField("text", "string", False),
            ("gone",): DescribedField("text", "string"),
        }
    )
    records = [
        {
            "id": number,
            "status": "open",
            "weight": 3,
            "name": "x",
            "note": None,
            "city": None if number == 7 else "Y",
        }
        for number in range(30)
    ]
    (orders,) = drafted(records, said)
    columns = {column.name: column for column in orders.columns}
    assert {name: (column.type.data_type, column.nullable) for name, column in columns.items()} == {
        "id": ("bigint", False),
        "status": ("text", False),
        "weight": ("decimal", False),
        "name": ("text", True),
        "note": ("text", True),
        "city": ("text", True),
    }
    assert "described as integer" in columns["status"].evidence
    assert "null in 1 of 30, described as never null" in columns["city"].evidence
    assert columns["note"].description == "A remark."
    assert orders.notes == ["described, but in none of 30 records: gone"]


_names = st.sampled_from(
    [
        "price",
        "total",
        "updated_at",
        "Weight kg",
        "größe",
        "no",
        "on",
        "true",
        "1st",
        "_x",
        "select",
        "a-b",
        "note: #1",
    ]
) | st.text(min_size=1, max_size=8)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text(max_size=8),
    st.sampled_from(
        ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01 10:00:00", "10:00:00", "1.5", "", " ", "007"]
    ),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_records = st.lists(st.dictionaries(_names, _values, max_size=5), min_size=1, max_size=6)


@given(_records)
def test_a_declaration_loads_and_keeps_every_record_it_was_drawn_from(records: list[dict[str, Any]]) -> None:
    numbered = [{**record, "id": number} for number, record in enumerate(records)]
    tables = drafted(numbered)
    draft = ShopDraft("shop", "https://api.example.com", tables=tables)
    shop = load_text(verified_yaml(draft), "shop")
    assert [table.name for table in tables] == [resource.name for resource in shop.resources]
    for table in tables:
        assert not rejected_rows(shop, draft, table), table.notes
