"""Neutral names: of resources, columns and foreign keys, by general rules and without knowing any vendor.

This is the seam for whoever knows a vendor's words better: `Names` may be replaced by another object with the
same methods.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from dlt.common.normalizers.naming import snake_case as _dlt

from ecom_assets.discovery.tables.template import Known, recognised

_NAMING = _dlt.NamingConvention()
_NO_NAME = re.compile(r"v\d+(\.\d+)?|api|rest|json|list|all|search|query", re.IGNORECASE)
_LINES = ("line_items", "lines", "items", "order_lines", "order_items", "positions", "products")
_CUSTOMERS = ("buyer", "customer", "client", "shopper", "purchaser")


def snake_case(name: str) -> str:
    """Return a name as dlt would write it, fit for a column: lower snake_case that begins with a letter."""
    written = _NAMING.normalize_identifier(name) if name.strip() else "field"
    written = re.sub(r"[^a-z0-9_]+", "_", written.lower())
    written = re.sub(r"_+", "_", written).strip("_")
    return written if re.match(r"[a-z]", written) else f"field_{written}".rstrip("_")


def singular(name: str) -> str:
    """Return what one of the things is called, such as `order`, `category` or `address`."""
    for ending, replaced in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + replaced
    return name.removesuffix("s") if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


class Names:
    """The general rules."""

    def resource(self, path: str, taken: Collection[str]) -> str:
        """Return the name of the resource at an endpoint's path."""
        pieces = [piece for piece in urlsplit(path).path.split("/") if piece and "{" not in piece]
        words = [re.sub(r"\.(json|xml)$", "", piece) for piece in pieces]
        words = [word for word in words if not _NO_NAME.fullmatch(word)] or words or ["records"]
        name = snake_case(words[-1])
        if name in taken and len(words) > 1:
            name = f"{singular(snake_case(words[-2]))}_{name}"
        return _free(name, taken)

    def child(self, parent: str, path: tuple[str, ...], taken: Collection[str]) -> str:
        """Return the name of a nested list; the lines of an order are its items, whatever the API calls them."""
        field = snake_case(path[-1])
        one = singular(parent)
        name = f"{one}_items" if field in _LINES and one in ("order", "cart", "invoice", "refund") else ""
        if not name or name in taken:
            name = field if field.startswith(f"{one}_") else f"{one}_{field}"
        return _free(name, taken)

    def column(self, path: tuple[str, ...], taken: Collection[str]) -> str:
        """Return the name of a column: its path, but `customer_id` for the id of whoever bought."""
        if (
            len(path) == 2
            and path[0] in _CUSTOMERS
            and path[1].lower() == "id"
            and "customer_id" not in taken
        ):
            return "customer_id"
        return _free("__".join(map(snake_case, path)), taken)

    def known(self, table: str, types: Mapping[tuple[str, ...], str | None]) -> dict[tuple[str, ...], Known]:
        """Return which fields of a table are columns of the template, by their paths and types."""
        return recognised(table, singular(table), types)

    def foreign_key(self, column: str) -> str | None:
        """Return what the resource is called, in the singular, that a column's values belong to."""
        return column.removesuffix("_id").rpartition("__")[2] if column.endswith("_id") else None


def _free(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken yet and not reserved."""
    name = f"shop_{name}" if name in ("load_ledger", "rejected_rows") or name.startswith("dlt_") else name
    number = 2
    free = name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free
