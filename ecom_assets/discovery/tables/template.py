"""Which column of the bundled template a field is, by its name or another word for it, and by its type.

The names and descriptions are the template file's own, so that an edit there is all there is to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import yaml

from ecom_assets.declaration.reading import BUNDLED_SHOPS

TEMPLATE = BUNDLED_SHOPS / "_template.yaml"
Path = tuple[str, ...]

_RESOURCES = {
    "clients": "customers",
    "inventory": "inventory_levels",
    "order_lines": "order_items",
    "order_payments": "payments",
    "order_refunds": "refunds",
    "product_variants": "variants",
    "stock": "inventory_levels",
}
_WORDS = {
    "amount": ("value",),
    "available": ("available_quantity", "in_stock"),
    "barcode": ("gtin", "ean", "upc"),
    "brand": ("manufacturer",),
    "country_code": ("country", "country_iso", "country_iso2"),
    "created_at": (
        "date_created_gmt",
        "created_on",
        "created",
        "date_created",
        "creation_date",
        "create_date",
    ),
    "currency": ("currency_code", "currency_iso"),
    "customer_id": ("customer.id", "buyer.id", "buyer_id", "client.id", "shopper.id"),
    "discount": ("discount_total", "total_discount", "discount_amount"),
    "email": ("email_address", "e_mail", "mail"),
    "first_name": ("given_name", "forename"),
    "last_name": ("family_name", "surname"),
    "location_id": ("warehouse_id", "depot_id", "store_id"),
    "phone": ("phone_number", "telephone", "mobile"),
    "postal_code": ("postcode", "zip", "zip_code", "zipcode"),
    "quantity": ("qty", "pieces"),
    "shipping": ("shipping_total", "total_shipping", "shipping_cost", "shipping_amount"),
    "street": ("street_address", "address_line_1", "address_1", "line_1"),
    "subtotal": ("sub_total", "items_total"),
    "tax": ("tax_total", "total_tax", "tax_amount", "vat"),
    "title": ("name", "display_name"),
    "total": ("total_price", "grand_total", "total_amount", "amount_total"),
    "unit_price": ("price_per_unit",),
    "updated_at": (
        "date_modified_gmt",
        "updated_on",
        "updated",
        "date_updated",
        "modified_at",
        "modified",
        "date_modified",
        "last_modified",
        "last_updated",
        "changed_at",
        "changed",
    ),
}
"""Other words for the last part of a column's name, the likelier first; none that may mean something else."""


class Known(NamedTuple):
    """The template's column that a field is."""

    name: str
    description: str


class _Column(NamedTuple):
    name: str
    data_type: str
    description: str
    words: Sequence[str]


def recognised(table: str, one: str, types: Mapping[Path, str | None]) -> dict[Path, Known]:
    """Return which fields are columns of the template; `one` is what a thing of the table is called.

    A field that has a column's name is the only one that can be it, so no name is taken from a field that has it.
    """
    by_word: dict[str, Path] = {}
    for path in types:
        by_word.setdefault(_squeezed(".".join(path)), path)
    found: dict[Path, Known] = {}
    for column in _columns().get(_RESOURCES.get(table, table), ()):
        words = [column.name] if _squeezed(column.name) in by_word else _words(column, one)
        paths = [by_word[word] for word in map(_squeezed, words) if word in by_word]
        for path in [path for path in paths if path not in found and _agree(column, types[path])][:1]:
            found[path] = Known(column.name, column.description)
    return found


def _words(column: _Column, one: str) -> Iterator[str]:
    """Yield the words for a column, the likelier first; the name of a key is left as it is."""
    if column.name != "id":
        yield f"{one}_{column.name}"
    yield from column.words


def _agree(column: _Column, data_type: str | None) -> bool:
    """Tell whether a type is that of the template; what identifies something may be a number or a text."""
    if column.name.endswith("id") or column.name == "number":
        return data_type in ("bigint", "text")
    return data_type == column.data_type


def _squeezed(name: str) -> str:
    """Return a name without what differs from API to API: case and underscores, but for dots of a path."""
    return re.sub(r"[^a-z0-9.]", "", name.lower().replace("__", "."))


@lru_cache
def _columns() -> dict[str, list[_Column]]:
    """Return the template's columns by resource, but for those that come from a parent."""
    document = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    return {
        resource["name"]: [
            _Column(name, body["data_type"], body["description"], _other_words(name))
            for name, body in resource["columns"].items()
            if not body.get("path", "").startswith("_")
        ]
        for resource in document["resources"]
    }


def _other_words(name: str) -> list[str]:
    around, _, last = name.rpartition("__")
    return [f"{around}.{word}".lstrip(".") for word in _WORDS.get(last, ())]
