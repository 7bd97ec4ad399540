"""Undeclared lists of objects: where they are in the records, and the lines that make a table of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.new_fields import KnownFields, normalized_path
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.json_text import json_text


def lists_of_objects(
    column: str, values: Sequence[Any], records: Sequence[Any], known: KnownFields
) -> dict[str, str]:
    """Return the path, with dots, of an undeclared list of objects, by the name of its column.

    Args:
        column: The column of the list.
        values: The values of that column, one a record.
        records: The records.
        known: The declared paths.

    Returns:
        One entry, or none if the column holds no list of objects, or a name on its path has a dot.
    """
    for value, record in zip(values, records, strict=True):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            path = _path_of(record, column, known, ())
            return {column: path} if path else {}
    return {}


def _path_of(record: Any, column: str, known: Mapping[str, Any] | None, path: tuple[str, ...]) -> str | None:
    if not isinstance(record, dict):
        return None
    for name, value in record.items():
        below = (known or {}).get(name, {})
        if "." in name or not name.strip() or below is None:
            continue
        here = (*path, name)
        if isinstance(value, list) and normalized_path(here) == column:
            return ".".join(here)
        if found := _path_of(value, column, below, here):
            return found
    return None


def rows_from_lines(resource: Resource, path: str, records: Sequence[Any] = ()) -> list[str]:
    """Return the lines of a declaration that make a table of a list in a resource's records.

    Args:
        resource: The resource with the list.
        path: The path of the list, with dots.
        records: Records with the list, from which the key of an element is taken; by default the key is `id`.
    """
    name = normalized_path((resource.name, *path.split("."))).replace("__", "_").strip("_")
    fields = [key[0] for key in resource.key_paths if key] or ["id"]
    keys = [f"_{resource.name}_{'__'.join(key)}" for key in resource.key_paths if key]
    return [
        f"- name: {name}",
        f"  rows_from: {{resource: {resource.name}, path: {json_text(path)}}}",
        f"  include_from_parent: {json_text(fields)}",
        f"  primary_key: {json_text([*keys, _element_key(path, records)])}",
    ]


def _element_key(path: str, records: Sequence[Any]) -> str:
    """Return the field that tells the elements of each list apart."""
    lists = [value for value in values_at(records, path.split("."))[0] if isinstance(value, list)]
    elements = [element for value in lists for element in value if isinstance(element, dict)]
    names: dict[str, None] = dict.fromkeys(["id", *(name for element in elements for name in element)])
    for name in names if elements else ():
        if all(_tells_apart(value, name) for value in lists):
            return name
    return "id"


def _tells_apart(elements: Sequence[Any], name: str) -> bool:
    values = [element.get(name) if isinstance(element, dict) else None for element in elements]
    scalar = all(isinstance(value, (int, str)) and not isinstance(value, bool) for value in values)
    return scalar and len(set(values)) == len(values)
