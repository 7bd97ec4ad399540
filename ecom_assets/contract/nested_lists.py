"""Undeclared lists of objects: where they are in records, and the entry of a declaration that makes a table of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ecom_assets.contract.column_names import normalized_path
from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.new_fields import KnownFields
from ecom_assets.declaration.reading import Resource

_SAMPLE = 200
"""How many records tell the key of a list's elements."""


def lists_of_objects(
    resource: Resource, column: str, values: Sequence[Any], records: Sequence[Any], known: KnownFields
) -> dict[str, str]:
    """Return the entry that makes a table of an undeclared list of objects, by the name of the list's column.

    Args:
        resource: The resource with the list.
        column: The column of the list.
        values: The values of that column, one a record.
        records: The records.
        known: The declared paths.

    Returns:
        One entry, or none if the column holds no list of objects, or cannot become a table: the resource is a nested
        list itself, or a name on the path has a dot.
    """
    if resource.endpoint is None:
        return {}
    for value, record in zip(values, records, strict=True):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            path = _path_of(record, column, known, ())
            return {column: _entry(resource, path, records[:_SAMPLE])} if path else {}
    return {}


def _path_of(
    record: Any, column: str, known: Mapping[str, Any], path: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the path of the list that becomes a column, None if a name on it has a dot."""
    for name, value in record.items() if isinstance(record, dict) else ():
        below = known.get(name, {})
        if "." in name or name != name.strip() or not name or below is None:
            continue
        if isinstance(value, list) and normalized_path((*path, name)) == column:
            return (*path, name)
        if found := _path_of(value, column, below, (*path, name)):
            return found
    return None


def _entry(resource: Resource, path: Sequence[str], records: Sequence[Any]) -> str:
    """Return the entry of `resources`, as YAML in one line."""
    name = normalized_path((resource.name, *path)).replace("__", "_").strip("_")
    parent_key = [resource.column(part).path for part in resource.primary_key]
    fields = list(dict.fromkeys(part[0] for part in parent_key))
    keys = [f"_{resource.name}_{'__'.join(part)}" for part in parent_key]
    entry = {
        "name": name,
        "rows_from": {"resource": resource.name, "path": ".".join(path)},
        "include_from_parent": fields,
        "primary_key": [*keys, _element_key(path, records)],
    }
    text = yaml.safe_dump([entry], default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**30)
    return f"- {text.strip()[1:-1]}"


def _element_key(path: Sequence[str], records: Sequence[Any]) -> str:
    """Return the field that tells the elements of each list apart; `id` if there is none."""
    lists = [value for value in values_at(records, path)[0] if isinstance(value, list)]
    names: dict[str, None] = {"id": None}
    for elements in lists:
        for element in elements:
            names |= dict.fromkeys(element if isinstance(element, dict) else ())
    return next((name for name in names if all(_tells_apart(elements, name) for elements in lists)), "id")


def _tells_apart(elements: Sequence[Any], name: str) -> bool:
    values = [element.get(name) if isinstance(element, dict) else None for element in elements]
    return all(type(value) in (int, str) for value in values) and len(set(values)) == len(values)
