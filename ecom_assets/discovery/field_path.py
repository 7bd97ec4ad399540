"""Paths of fields in JSON, such as `("customer", "id")`, and how they are written as JSONPath."""

from __future__ import annotations

import re

FieldPath = tuple[str, ...]
"""The names that lead from the outermost object to a field; `()` is the whole answer."""

_RESERVED = {"where", "contains", "parent", "sort", "sorted", "str", "sub", "split"}
"""Words with a meaning of their own in dlt's JSONPath."""


def json_path(path: FieldPath) -> str:
    """Return a path as JSONPath, with unusual names in quotes; `$` stands for the whole answer."""
    return ".".join(map(_segment, path)) or "$"


def _segment(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name not in _RESERVED
    return name if plain else f"'{name}'"
