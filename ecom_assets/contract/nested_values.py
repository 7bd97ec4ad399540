"""Nested values: the values at a path in records, and nested lists as records of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.json_text import shorten_value


def values_at(records: Sequence[Any], path: Sequence[str]) -> tuple[list[Any], dict[int, str]]:
    """Return the values at a path in each record.

    Returns:
        The values, None where there is none. And, by position, what is wrong with the records in which something on
        the path is not an object.
    """
    values: list[Any] = list(records)
    misplaced: dict[int, str] = {}
    for depth, name in enumerate(path):
        with suppress(LookupError, TypeError):
            # fast, for the usual case that all are objects with the field
            values = [value[name] for value in values]
            continue
        try:
            # or that all are objects or null
            values = [None if value is None else value.get(name) for value in values]
        except AttributeError:
            for position, value in enumerate(values):
                if value is not None and not isinstance(value, dict):
                    parent_path = ".".join(path[:depth]) or "the record"
                    misplaced[position] = f"{parent_path} is not an object: {shorten_value(value)}"
            values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return values, misplaced


def has_field(records: Sequence[Any], path: Sequence[str]) -> bool:
    """Tell whether a record has a field at a path, if only as null."""
    objects = values_at(records, path[:-1])[0]
    return any(isinstance(entry, dict) and path[-1] in entry for entry in objects)


def explode(parents: Sequence[Any], resource: Resource, parent: Resource) -> tuple[list[Any], list[int]]:
    """Return the elements of nested lists as records.

    Each element gets the fields of `include_from_parent` as `_<parent>_<field>`. A value that is no object stays as
    it is, and so does a value in place of the list: the contract then rejects it.

    Args:
        parents: The parent records.
        resource: The child with `rows_from`.
        parent: The resource of the parent records.

    Returns:
        The elements, and the position of the parent record of each.
    """
    if resource.rows_from is None:
        raise LookupError(f"{resource.name} has no rows_from")
    path = tuple(resource.rows_from.path.split("."))
    lists, misplaced = values_at(parents, path)
    included = [(f"_{parent.name}_{name}", tuple(name.split("."))) for name in resource.include_from_parent]
    children: list[Any] = []
    positions: list[int] = []
    for position, elements in enumerate(lists):
        if elements is None:
            if position not in misplaced or not isinstance(parents[position], dict):
                continue  # its own contract rejects a parent that is no object
            elements = _value_in_the_way(parents[position], path)
        fields = {name: value_at(parents[position], field_path) for name, field_path in included}
        for element in elements if isinstance(elements, list) else [elements]:
            children.append({**element, **fields} if isinstance(element, dict) else element)
            positions.append(position)
    return children, positions


def _value_in_the_way(record: Any, path: Sequence[str]) -> list[Any]:
    """Return, as a list, the value on a path that should be an object and is none."""
    for name in path:
        if not isinstance(record, dict):
            break
        record = record.get(name)
    return [record]
