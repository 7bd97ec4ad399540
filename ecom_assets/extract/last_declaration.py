"""What the last load of a table declared, as dlt's schema in the warehouse keeps it.

The table itself says which columns it has. It does not say which of them were declared, or what the primary key was.
Nothing is refused because of this memory alone: it only tells what to look at in the table, and what to report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column, Resource, Shop

HINT = "x-declaration"
"""The hint of a table in dlt's schema."""
PLAIN_HINT = "x-plain-columns"
"""The hint of a table with the columns that got a `pii` while the table had values from before."""


@dataclass(frozen=True)
class LastDeclaration:
    """What the last load of a table declared.

    Attributes:
        primary_key: The columns of the primary key, None if it is not known.
        unique: Whether the table has one row for each primary key.
        columns: The declared columns, each with whether it was nullable; None if they are not known.
        protection: The `pii` of each column that has one; None if it is not known.
        zones: The time zone of instants without an offset, by column; None if they are not known.
        plain: Columns that got a `pii` later, while the table had values from before.
    """

    primary_key: tuple[str, ...] | None = None
    unique: bool = True
    columns: Mapping[str, bool] | None = None
    protection: Mapping[str, str] | None = None
    zones: Mapping[str, str] | None = None
    plain: frozenset[str] = frozenset()


def declaration_hint(shop: Shop, resource: Resource) -> dict[str, Any]:
    """Return what dlt's schema keeps of a resource. It is the same for equal declarations."""
    return {
        "primary_key": list(resource.primary_key),
        "unique": keeps_one_row(resource),
        "columns": {column.name: column.nullable for column in _declared(resource)},
        "protection": protected_columns(shop, resource),
        "zones": column_zones(shop, resource),
    }


def protected_columns(shop: Shop, resource: Resource) -> dict[str, str]:
    """Return the `pii` of each column, also of those whose value comes from the parent's record."""
    found = {column.name: str(column.pii) for column in resource.declared_columns if column.pii}
    if resource.parent is None:
        return found
    parent = shop.resource(resource.parent)
    above = protected_columns(shop, parent)
    by_path = {column.path: above[column.name] for column in parent.columns if column.name in above}
    for column in resource.columns:
        if resource.comes_from_parent(column) and (kind := by_path.get(resource.path_in_parent(column))):
            found[column.name] = kind
    return found


def column_zones(shop: Shop, resource: Resource) -> dict[str, str]:
    """Return the time zone of instants without an offset of each declared column that has such instants."""
    zone = shop.timezone_of(resource)
    return {
        column.name: column.timezone or zone
        for column in _declared(resource)
        if COLUMN_TYPES[column.data_type].has_timezone
    }


def keeps_one_row(resource: Resource) -> bool:
    """Tell whether the table of a resource has one row for each primary key."""
    return bool(resource.primary_key) and not resource.history and resource.write_disposition != "append"


def last_declaration(table: Mapping[str, Any]) -> LastDeclaration:
    """Return what a table of dlt's schema tells of the last load."""
    hint = table.get(HINT)
    if isinstance(hint, Mapping):
        return LastDeclaration(
            tuple(hint["primary_key"]),
            bool(hint["unique"]),
            dict(hint["columns"]),
            hint.get("protection"),
            hint.get("zones"),
            frozenset(table.get(PLAIN_HINT) or ()),
        )
    # a version of this program that did not write the hint
    key = tuple(name for name, column in table.get("columns", {}).items() if column.get("primary_key"))
    return LastDeclaration(key or None)


def _declared(resource: Resource) -> list[Column]:
    return [column for column in resource.columns if not column.inferred]
