"""Matches fields with the columns of the bundled template, by name or a synonym, and by type.

Names and descriptions are read from the template file; to change them, edit that file alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import yaml

from ecom_assets.declaration.reading import BUNDLED_SHOPS
from ecom_assets.discovery.field_path import FieldPath

TEMPLATE = BUNDLED_SHOPS / "_template.yaml"
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
"""Synonyms for the last part of a column's name, the likely ones first; none that may mean something else."""


class TemplateColumn(NamedTuple):
    """A column of the template."""

    name: str
    description: str


class _MatchedColumn(NamedTuple):
    """A column of the template with what a field must have to match it."""

    name: str
    data_type: str
    description: str
    synonyms: Sequence[str]


def match_template_columns(
    table: str, record_name: str, types: Mapping[FieldPath, str | None]
) -> dict[FieldPath, TemplateColumn]:
    """Return the fields that are columns of the template.

    A field with a column's own name is the only one that matches this column.

    Args:
        table: The name of the table.
        record_name: What one record is called, such as `order`.
        types: The type of each field, None where it is not known.
    """
    by_name: dict[str, FieldPath] = {}
    for path in types:
        by_name.setdefault(_normalized(".".join(path)), path)
    found: dict[FieldPath, TemplateColumn] = {}
    for column in _columns().get(_RESOURCES.get(table, table), ()):
        names = [column.name] if _normalized(column.name) in by_name else _possible_names(column, record_name)
        paths = [by_name[name] for name in map(_normalized, names) if name in by_name]
        for path in [path for path in paths if path not in found and _type_matches(column, types[path])][:1]:
            found[path] = TemplateColumn(column.name, column.description)
    return found


def _possible_names(column: _MatchedColumn, record_name: str) -> Iterator[str]:
    """Yield the names that a column may have in an API, the likely ones first; `id` has no prefix."""
    if column.name != "id":
        yield f"{record_name}_{column.name}"
    yield from column.synonyms


def _type_matches(column: _MatchedColumn, data_type: str | None) -> bool:
    """Tell whether a type is that of the template's column; identifiers may be numbers or texts."""
    if column.name.endswith("id") or column.name == "number":
        return data_type in ("bigint", "text")
    return data_type == column.data_type


def _normalized(name: str) -> str:
    """Return a name without case and underscores, in which APIs differ; the dots of a path stay."""
    return re.sub(r"[^a-z0-9.]", "", name.lower().replace("__", "."))


@lru_cache
def _columns() -> dict[str, list[_MatchedColumn]]:
    """Return the template's columns by resource, without those that come from a parent."""
    document = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    return {
        resource["name"]: [
            _MatchedColumn(name, body["data_type"], body["description"], _synonyms(name))
            for name, body in resource["columns"].items()
            if not body.get("path", "").startswith("_")
        ]
        for resource in document["resources"]
    }


def _synonyms(name: str) -> list[str]:
    parents, _, last = name.rpartition("__")
    return [f"{parents}.{word}".lstrip(".") for word in _WORDS.get(last, ())]
