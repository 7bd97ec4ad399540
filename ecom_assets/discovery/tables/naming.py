"""Gives resources, columns and foreign keys neutral names, by general rules that know no vendor.

To use the words of a vendor, replace `NamingRules` by another object with the same methods.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from dlt.common.normalizers.naming import snake_case as dlt_snake_case

from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.template import TemplateColumn, match_template_columns

_NAMING = dlt_snake_case.NamingConvention()
_NO_RESOURCE_NAMES = re.compile(
    r"v\d+(\.\d+)?|api|rest|json|list|all|search|query|records|index|find", re.IGNORECASE
)
_LINE_NAMES = ("line_items", "lines", "items", "order_lines", "order_items", "positions", "products")
_CUSTOMER_NAMES = ("buyer", "customer", "client", "shopper", "purchaser")


def snake_case(name: str) -> str:
    """Return a name as dlt would write it, as a column's name: lower snake_case that begins with a letter."""
    written = _NAMING.normalize_identifier(name) if name.strip() else "field"
    written = re.sub(r"[^a-z0-9_]+", "_", written.lower())
    written = re.sub(r"_+", "_", written).strip("_")
    return written if re.match(r"[a-z]", written) else f"field_{written}".rstrip("_")


def singular(name: str) -> str:
    """Return the singular of a name, such as `order`, `category` or `address`."""
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + replacement
    return name.removesuffix("s") if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


class NamingRules:
    """General rules for names; `taken` are names that are in use already."""

    def resource(self, path: str, taken: Collection[str]) -> str:
        """Return the name of the resource at an endpoint's path."""
        pieces = [piece for piece in urlsplit(path).path.split("/") if piece and "{" not in piece]
        words = [re.sub(r"\.(json|xml)$", "", piece) for piece in pieces]
        words = [word for word in words if not _NO_RESOURCE_NAMES.fullmatch(word)] or words or ["records"]
        name = snake_case(words[-1])
        if name in taken and len(words) > 1:
            name = f"{singular(snake_case(words[-2]))}_{name}"
        return _free_name(name, taken)

    def child(self, parent: str, path: FieldPath, taken: Collection[str]) -> str:
        """Return the name of a nested list; the lines of an order become `order_items`, whatever the API calls them."""
        field = snake_case(path[-1])
        record_name = singular(parent)
        name = (
            f"{record_name}_items"
            if field in _LINE_NAMES and record_name in ("order", "cart", "invoice", "refund")
            else ""
        )
        if not name or name in taken:
            name = field if field.startswith(f"{record_name}_") else f"{record_name}_{field}"
        return _free_name(name, taken)

    def column(self, path: FieldPath, taken: Collection[str]) -> str:
        """Return the name of a column: its path, or `customer_id` for the id of the customer."""
        if (
            len(path) == 2
            and path[0] in _CUSTOMER_NAMES
            and path[1].lower() == "id"
            and "customer_id" not in taken
        ):
            return "customer_id"
        return _free_name("__".join(map(snake_case, path)), taken)

    def template_columns(
        self, table: str, types: Mapping[FieldPath, str | None]
    ) -> dict[FieldPath, TemplateColumn]:
        """Return the fields of a table that are columns of the template, by their paths and types."""
        return match_template_columns(table, singular(table), types)

    def foreign_key(self, column: str) -> str | None:
        """Return the name, in the singular, of the resource that a foreign key belongs to, None for other columns."""
        return column.removesuffix("_id").rpartition("__")[2] if column.endswith("_id") else None


def _free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is neither in use nor reserved, with a number at its end where needed."""
    name = f"shop_{name}" if name in ("load_ledger", "rejected_rows") or name.startswith("dlt_") else name
    number = 2
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free
