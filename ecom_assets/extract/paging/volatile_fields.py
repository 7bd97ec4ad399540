"""Volatile fields: values that are new in each response. Two readings of a list may differ in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ecom_assets.declaration.reading import Resource, Shop

_NO_VALUE = object()


def volatile_paths(shop: Shop, resource: Resource) -> list[tuple[str, ...]]:
    """Return the paths of the volatile columns of a resource, and of the nested lists in its records."""
    paths = [column.path for column in resource.declared_columns if column.volatile]
    for child in shop.children_of(resource.name):
        if child.rows_from:
            path = tuple(child.rows_from.path.split("."))
            paths += [(*path, *inner) for inner in volatile_paths(shop, child)]
    return paths


def without_path(value: Any, path: Sequence[str]) -> Any:
    """Return a value of JSON without the field at a path; a list on the way stands for each of its elements."""
    if isinstance(value, list):
        return [without_path(element, path) for element in value]
    name, *inner = path
    if not isinstance(value, dict) or name not in value:
        return value
    rest = {key: entry for key, entry in value.items() if key != name}
    return {**rest, name: without_path(value[name], inner)} if inner else rest


def different_paths(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of the fields in which two values of JSON differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            inner = f"{path}.{name}" if path else name
            yield from different_paths(before.get(name, _NO_VALUE), after.get(name, _NO_VALUE), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from different_paths(one, other, path)
    elif before != after:
        yield path or "the record"
