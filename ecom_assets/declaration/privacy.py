"""What a declared `pii` asks of the columns around it.

What it does to records is `privacy`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecom_assets.declaration.error_text import rule_error
from ecom_assets.declaration.placeholders import parent_field, placeholder_names

if TYPE_CHECKING:
    from ecom_assets.declaration.resource import Resource

PII_KEY_NAME = "pii_key"
"""The secret, under `sources.<shop>`, that `hash` is keyed with; another key gives other hashes."""


def check_privacy(resource: Resource) -> None:
    """Require that a field is treated in one way, a key hashed at most, a parent's field where the parent has it."""
    ways: dict[tuple[str, ...], str | None] = {}
    for column in resource.declared_columns:
        at = ("columns", column.name, "pii")
        if column.pii and resource.comes_from_parent(column):
            raise rule_error(
                at, column.pii, f"pii at the column of {resource.parent} that the value comes from"
            )
        if column.pii in ("mask", "drop") and column.name in resource.primary_key:
            raise rule_error(at, column.pii, "hash, because the column is in the primary key")
        if ways.setdefault(column.path, column.pii) != column.pii:
            raise rule_error(
                at,
                column.pii or "nothing",
                f"{ways[column.path] or 'nothing'}, as for the other column of {'.'.join(column.path)}",
            )


def check_placeholders(at: tuple[str | int, ...], resource: Resource, parent: Resource) -> None:
    """Require that a child is not asked by personal data, which is changed before anything is asked by it."""
    endpoint = resource.endpoint
    if endpoint is None:
        return
    asked = placeholder_names(endpoint.path, endpoint.params, endpoint.json_body, endpoint.headers)
    for name in sorted(asked):
        found = parent_field(name)
        for column in parent.declared_columns if found else ():
            if found and column.pii and tuple(found.field.split("."))[: len(column.path)] == column.path:
                raise rule_error(
                    (*at, "endpoint"),
                    f"{{{name}}}, whose value pii: {column.pii} changes before it is asked by",
                    f"a field of {parent.name} without pii",
                )
