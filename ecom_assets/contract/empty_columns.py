"""Declared columns that no record of a sample has, and the field that may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from ecom_assets.contract.column_names import FieldPath
from ecom_assets.contract.nested_values import has_field
from ecom_assets.declaration.reading import Column, Resource

_SAMPLE = 50
"""How many records are searched for a similar field."""
_SIMILAR = 0.7
"""How much of two names has to be the same, from 0 to 1."""


def empty_columns(resource: Resource, records: Sequence[Any], kept: pa.Table) -> list[Column]:
    """Return the declared columns that are null in all rows, although no record has their field, not even as null."""
    return [
        column
        for column in resource.declared_columns
        if records
        and column.name in kept.column_names
        and kept.column(column.name).null_count == len(kept)
        and not has_field(records, column.path)
    ]


def similar_field(resource: Resource, column: Column, records: Sequence[Any]) -> str:
    """Return the path of an undeclared field that a column may mean, as a declaration writes it; "" without one."""
    declared = {entry.path for entry in resource.columns}
    fields = {
        _letters(path): path
        for record in records[:_SAMPLE]
        for path in _paths(record)
        if path not in declared
    }
    wanted = _letters(column.path)
    found = get_close_matches(wanted, fields, 1, _SIMILAR)
    # one field may hold another, as customer.name holds name
    ends = [name for name in fields if name.endswith(_letters(column.path[-1:])) and len(column.path[-1]) > 3]
    name = next(iter([*found, *ends]), None)
    if name is None:
        return ""
    return _declared(fields[name])


def field_within(path: Sequence[str], records: Sequence[Any]) -> str:
    """Return the path of a field whose name holds the last name of a path, or is held by it; "" without one."""
    wanted = _letters(path[-1:])
    for record in records[:_SAMPLE]:
        for found in _paths(record):
            name = _letters(found[-1:])
            if min(len(name), len(wanted)) > 3 and (name in wanted or wanted in name):
                return _declared(found)
    return ""


def _declared(path: FieldPath) -> str:
    """Return a path as a declaration writes it."""
    return str(list(path)) if any("." in part for part in path) else ".".join(path)


def _paths(value: Any, parent: FieldPath = ()) -> Iterator[FieldPath]:
    for name, below in value.items() if isinstance(value, dict) else ():
        yield (*parent, name)
        yield from _paths(below, (*parent, name))


def _letters(path: Sequence[str]) -> str:
    """Return the letters and digits of a path, which stay the same in camelCase and in snake_case."""
    return re.sub(r"[\W_]", "", "".join(path)).lower()
