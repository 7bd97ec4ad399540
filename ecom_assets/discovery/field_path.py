"""Paths of fields in JSON, such as `("customer", "id")`, and how they are written as JSONPath."""

from __future__ import annotations

import re
from collections.abc import Collection

FieldPath = tuple[str, ...]
"""The names that lead from the outermost object to a field; `()` is the whole answer."""

_RESERVED = {"where", "contains", "parent", "sort", "sorted", "str", "sub", "split"}
"""Words with a meaning of their own in dlt's JSONPath."""


def json_path(path: FieldPath) -> str:
    """Return a path as JSONPath, with unusual names in quotes; `$` stands for the whole answer."""
    return ".".join(map(_segment, path)) or "$"


def in_json_api(paths: Collection[FieldPath]) -> bool:
    """Tell whether records have the form of JSON:API: the fields are in `attributes`, beside `id` and `type`."""
    return {("id",), ("type",)} <= set(paths) and any(
        path[0] in ("attributes", "relationships") and len(path) > 1 for path in paths
    )


def bare_path(path: FieldPath) -> FieldPath:
    """Return the path that a field of a JSON:API record is named after: `total`, or `customer_id` of a relationship."""
    if path[0] == "attributes" and len(path) > 1:
        return path[1:]
    if path[0] == "relationships" and path[2:3] == ("data",):
        if len(path) == 3:
            return (path[1],)
        if path[3:] in (("id",), ("type",)):
            return (f"{path[1]}_{path[3]}",)
    return path


def _segment(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name not in _RESERVED
    return name if plain else f"'{name}'"


def is_reachable(name: str) -> bool:
    """Tell whether a declared path can contain the name of a field: it has no dot, and no space at an end."""
    return "." not in name and name != "" and name == name.strip()
