"""What the last load of a table declared, as dlt's schema in the warehouse keeps it.

The table itself says which columns it has. It does not say which of them were declared, or what the primary key was.
Nothing is refused because of this memory alone: it only tells what to look at in the table, and what to report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecom_assets.declaration.reading import Column, Resource

HINT = "x-declaration"
"""The hint of a table in dlt's schema."""


@dataclass(frozen=True)
class LastDeclaration:
    """What the last load of a table declared.

    Attributes:
        primary_key: The columns of the primary key, None if it is not known.
        unique: Whether the table has one row for each primary key.
        columns: The declared columns, each with whether it was nullable; None if they are not known.
    """

    primary_key: tuple[str, ...] | None = None
    unique: bool = True
    columns: Mapping[str, bool] | None = None


def declaration_hint(resource: Resource) -> dict[str, Any]:
    """Return what dlt's schema keeps of a resource. It is the same for equal declarations."""
    return {
        "primary_key": list(resource.primary_key),
        "unique": keeps_one_row(resource),
        "columns": {column.name: column.nullable for column in _declared(resource)},
    }


def keeps_one_row(resource: Resource) -> bool:
    """Tell whether the table of a resource has one row for each primary key."""
    return bool(resource.primary_key) and not resource.history and resource.write_disposition != "append"


def last_declaration(table: Mapping[str, Any]) -> LastDeclaration:
    """Return what a table of dlt's schema tells of the last load."""
    hint = table.get(HINT)
    if isinstance(hint, Mapping):
        return LastDeclaration(tuple(hint["primary_key"]), bool(hint["unique"]), dict(hint["columns"]))
    # a version of this program that did not write the hint
    key = tuple(name for name, column in table.get("columns", {}).items() if column.get("primary_key"))
    return LastDeclaration(key or None)


def _declared(resource: Resource) -> list[Column]:
    return [column for column in resource.columns if not column.inferred]
