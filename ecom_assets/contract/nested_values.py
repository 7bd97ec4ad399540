"""What a path leads to in records, and nested lists as records of their own.

Whether they keep a contract is `contract`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.json_text import shorten_value


def values_at(records: Sequence[Any], path: Sequence[str]) -> tuple[list[Any], dict[int, str]]:
    """Return what a path leads to in each record, and where something on the way is not an object."""
    values: list[Any] = list(records)
    misplaced: dict[int, str] = {}
    for depth, name in enumerate(path):
        with suppress(LookupError, TypeError):
            # the whole column at once, for the usual case in which all are objects that have the field
            values = [value[name] for value in values]
            continue
        try:
            # or in which all are objects or null
            values = [None if value is None else value.get(name) for value in values]
        except AttributeError:
            for position, value in enumerate(values):
                if value is not None and not isinstance(value, dict):
                    way = ".".join(path[:depth]) or "the record"
                    misplaced[position] = f"{way} is not an object: {shorten_value(value)}"
            values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return values, misplaced


def explode(parents: Sequence[Any], resource: Resource, parent: Resource) -> tuple[list[Any], list[int]]:
    """Return the elements of the parents' lists as records, and of each the position of its parent.

    Each gets the fields of `include_from_parent` as `_<parent>_<field>`. What is no object, be it an element or
    what stands where the list should be, stays as it is, for the contract to reject.
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
                continue  # a parent that is no object is for its own contract to reject
            elements = _obstacle(parents[position], path)
        fields = {name: value_at(parents[position], below) for name, below in included}
        for element in elements if isinstance(elements, list) else [elements]:
            children.append({**element, **fields} if isinstance(element, dict) else element)
            positions.append(position)
    return children, positions


def _obstacle(record: Any, path: Sequence[str]) -> list[Any]:
    """Return, as a list, what stands on the way of a path without being an object."""
    for name in path:
        if not isinstance(record, dict):
            break
        record = record.get(name)
    return [record]
