"""The declaration that comes with the package, `shops/sandbox.yaml`."""

from __future__ import annotations

import pytest

from ecom_assets.declaration.reading import Auth, Reference, load_shop, shops_dir

SANDBOX = shops_dir({}) / "sandbox.yaml"


def test_sandbox_resources() -> None:
    """The bundled shop has its five resources, four of them windowed, all described and keyed."""
    shop = load_shop(SANDBOX)
    kinds = {resource.name: (resource.windowed, resource.write_disposition) for resource in shop.resources}
    assert kinds == {
        "customers": (True, "merge"),
        "products": (False, "replace"),
        "orders": (True, "merge"),
        "order_items": (True, "merge"),
        "stores": (False, "replace"),
    }
    assert all(resource.description for resource in shop.resources)
    assert all(column.description for resource in shop.resources for column in resource.columns)
    assert shop.resource("order_items").primary_key == ("order_id", "id")


def test_sandbox_columns() -> None:
    """Columns keep their order, find their way into the record and point to each other."""
    orders = load_shop(SANDBOX).resource("orders")
    assert [column.name for column in orders.columns][:4] == ["id", "number", "customer_id", "buyer_email"]
    customer = orders.column("customer_id")
    assert customer.path == ("buyer", "id")
    assert customer.references == Reference("customers", "id")
    assert orders.column("shipping_address__city").path == ("shipping_address", "city")
    total = orders.column("total")
    assert (total.data_type, total.precision, total.scale, total.nullable) == ("decimal", 18, 4, False)
    with pytest.raises(KeyError):
        orders.column("nothing")


def test_sandbox_nullability() -> None:
    """Just what the sandbox leaves out may be null."""
    shop = load_shop(SANDBOX)
    nullable = {
        f"{resource.name}.{column.name}"
        for resource in shop.resources
        for column in resource.columns
        if column.nullable
    }
    address = ("name", "street", "city", "postal_code", "country_code")
    assert nullable == {
        "customers.note",
        "products.weight_grams",
        *(f"orders.shipping_address__{field}" for field in address),
    }


def test_sandbox_client() -> None:
    """The bundled shop needs no account: its address and its key's place, and no key, are in the file."""
    client = load_shop(SANDBOX).client
    assert client.base_url == "sandbox://"
    assert client.auth == (Auth(type="api_key", name="api_key", location="query"),)
    assert client.auth[0].fields == {"api_key": "api_key"}
    assert client.paginator == {"type": "offset", "limit": 100, "total_path": "total"}
