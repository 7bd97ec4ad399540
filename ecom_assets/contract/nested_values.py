"""Nested values: the values at a path in records, and nested lists as records of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Resource
from ecom_assets.declaration.table.rows_from import RowsFrom
from ecom_assets.foundation.errors import ContractBroken
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

    Each element gets the fields of `include_from_parent` as `_<parent>_<field>`, and those that `rows_from` declares. A
    value that is no object stays as it is without `rows_from.value`: the contract then rejects it.

    Args:
        parents: The parent records.
        resource: The child with `rows_from`.
        parent: The resource of the parent records.

    Returns:
        The elements, and the position of the parent record of each.

    Raises:
        ContractBroken: An element has another value in a field that `rows_from` declares.
    """
    if resource.rows_from is None:
        raise LookupError(f"{resource.name} has no rows_from")
    path = tuple(resource.rows_from.path.split("."))
    lists, misplaced = values_at(parents, path)
    included = [(f"_{parent.name}_{name}", tuple(name.split("."))) for name in resource.include_from_parent]
    is_plain = not (resource.rows_from.map_key or resource.rows_from.position or resource.rows_from.value)
    children: list[Any] = []
    positions: list[int] = []
    for position, elements in enumerate(lists):
        fields = {name: value_at(parents[position], field_path) for name, field_path in included}
        if is_plain and isinstance(elements, list):
            # the usual case, and the fastest way: most rows of most loads are elements of such lists
            children += [
                {**element, **fields} if isinstance(element, dict) else element for element in elements
            ]
            positions += [position] * len(elements)
            continue
        if elements is None:
            if position not in misplaced or not isinstance(parents[position], dict):
                continue  # its own contract rejects a parent that is no object
            elements = _value_in_the_way(parents[position], path)
            own: list[tuple[dict[str, Any], Any]] = [({}, element) for element in elements]
        else:
            own = _elements(elements, resource.rows_from)
        for names, element in own:
            if names and isinstance(element, dict):
                _refuse_other_values(resource, element, names)
            children.append({**element, **names, **fields} if isinstance(element, dict) else element)
            positions.append(position)
    return children, positions


def undeclared_elements(resource: Resource, parents: Sequence[Any]) -> str:
    """Return what to declare about a nested list whose elements are no objects, or that is an object; "" otherwise."""
    rows_from = resource.rows_from
    if rows_from is None:
        return ""
    key_names = {path[0] for path in resource.key_paths if path}
    for found in values_at(parents, rows_from.path.split("."))[0]:
        entries = [element for _, element in _elements(found, rows_from)]
        if isinstance(found, dict) and not rows_from.map_key:
            # one object without a list around it has the key
            kinds = {isinstance(entry, dict) for entry in found.values()}
            if len(kinds) == 1 and not key_names & set(found):
                return (
                    f"{rows_from.path} is an object: if its names are ids of rows, declare rows_from.map_key, the "
                    "field that takes the names"
                )
        elif entries and found is not None and not any(isinstance(entry, dict) for entry in entries):
            return (
                f"the elements of {rows_from.path} are no objects: declare rows_from.value, the field that takes them, "
                "and rows_from.position"
            )
    return ""


def _elements(found: Any, rows_from: RowsFrom) -> list[tuple[dict[str, Any], Any]]:
    """Return the elements of a list, or of an object in its place, each with the fields for its name and its places."""
    entries: list[tuple[dict[str, Any], Any]] = [({}, found)]
    if rows_from.map_key and isinstance(found, dict):
        entries = [({rows_from.map_key: name}, element) for name, element in found.items()]
    elif isinstance(found, list) and not rows_from.position:
        entries = [({}, element) for element in found]
    for depth, field in enumerate(rows_from.position):
        # something in place of a list is its only element, but null in place of an inner list is no list
        entries = [
            ({**names, field: place}, element)
            for names, inner in entries
            for place, element in enumerate(
                inner if isinstance(inner, list) else () if depth and inner is None else [inner]
            )
        ]
    if rows_from.value is None:
        return entries
    return [
        (names, element if isinstance(element, dict) else {rows_from.value: element})
        for names, element in entries
    ]


def _refuse_other_values(resource: Resource, element: dict[str, Any], names: dict[str, Any]) -> None:
    """Raise ContractBroken if an element has another value in a field that `rows_from` declares."""
    for name, value in names.items():
        if element.get(name) is not None and str(element[name]) != str(value):
            raise ContractBroken(
                f"{resource.name}: an element has a field {name} of its own: declare another name in rows_from"
            )


def _value_in_the_way(record: Any, path: Sequence[str]) -> list[Any]:
    """Return, as a list, the value on a path that should be an object and is none."""
    for name in path:
        if not isinstance(record, dict):
            break
        record = record.get(name)
    return [record]
