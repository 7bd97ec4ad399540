"""A tap of Meltano's Singer SDK for the shop, laid out as its cookiecutter does. `singer_pipe.py` starts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.pagination import BaseOffsetPaginator

PAGE = 250


def _column(name: str, kind: Any) -> Any:
    return th.Property(name, kind)


def _columns(**kinds: Any) -> list[Any]:
    return [_column(name, kind) for name, kind in kinds.items()]


TEXT, WHOLE, INSTANT = th.StringType, th.IntegerType, th.DateTimeType
STAMPS = _columns(created_at=INSTANT, updated_at=INSTANT)


class _Pages(BaseOffsetPaginator):  # type: ignore[type-arg]
    """Reads pages until the total is reached."""

    def has_more(self, response: Any) -> bool:
        return bool(self.current_value + PAGE < response.json()["total"])


class ShopStream(RESTStream[int]):
    """A collection of the API, read in one pass."""

    records_jsonpath = "$.data[*]"
    primary_keys = ("id",)
    replication_key = "updated_at"

    @property
    def url_base(self) -> str:
        """Return the API's address."""
        return f"{self.config['url']}/v1"

    @property
    def authenticator(self) -> APIKeyAuthenticator:
        """Put the key into the query."""
        return APIKeyAuthenticator(key="api_key", value=self.config["api_key"], location="params")

    def get_new_paginator(self) -> _Pages:
        """Return a paginator for one pass."""
        return _Pages(0, PAGE)

    def get_url_params(self, context: Any, next_page_token: int | None) -> dict[str, Any]:
        """Return the query parameters of a page and of the time to read."""
        return {
            "limit": PAGE,
            "offset": next_page_token or 0,
            "updated_at_min": self.config["start"],
            "updated_at_max": self.config["end"],
        }


class Customers(ShopStream):
    """The customers."""

    name, path = "customers", "/customers"
    schema = th.PropertiesList(
        *_columns(id=WHOLE, email=TEXT, first_name=TEXT, last_name=TEXT, accepts_marketing=th.BooleanType),
        _column("address", th.ObjectType(*_columns(city=TEXT, country_code=TEXT))),
        *_columns(orders_count=WHOLE),
        *STAMPS,
    ).to_dict()


class Products(ShopStream):
    """The products."""

    name, path = "products", "/products"
    schema = th.PropertiesList(
        *_columns(id=WHOLE, sku=TEXT, title=TEXT, price=TEXT, currency=TEXT, status=TEXT, weight_grams=WHOLE),
        *STAMPS,
    ).to_dict()


class Orders(ShopStream):
    """The orders, with their lines in one column."""

    name, path = "orders", "/orders"
    schema = th.PropertiesList(
        *_columns(id=WHOLE, number=TEXT, customer_id=WHOLE, email=TEXT, status=TEXT, currency=TEXT),
        *_columns(total=TEXT, tax_rate=th.NumberType),
        _column(
            "shipping_address",
            th.ObjectType(*_columns(name=TEXT, street=TEXT, city=TEXT, postal_code=TEXT, country_code=TEXT)),
        ),
        _column(
            "line_items",
            th.ArrayType(
                th.ObjectType(
                    *_columns(id=WHOLE, product_id=WHOLE, sku=TEXT, quantity=WHOLE, unit_price=TEXT),
                )
            ),
        ),
        *STAMPS,
    ).to_dict()


class TapBench(Tap):
    """The tap."""

    name = "tap-bench"
    config_jsonschema: Mapping[str, Any] = th.PropertiesList(
        *[th.Property(name, th.StringType, required=True) for name in ("url", "api_key", "start", "end")]
    ).to_dict()

    def discover_streams(self) -> list[ShopStream]:
        """Return the three streams."""
        return [Customers(self), Products(self), Orders(self)]


if __name__ == "__main__":
    TapBench.cli()
