"""Finds the list of records in an answer, and the single values around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecom_assets.discovery.field_path import FieldPath

MAX_DEPTH = 3
"""How many names may lead to a list of records."""
USUAL_NAMES = (
    "data",
    "results",
    "items",
    "records",
    "result",
    "rows",
    "list",
    "content",
    "value",
    "entries",
    "objects",
)


def find_record_list(body: Any, resource: str) -> FieldPath | None:
    """Return the path of the list of records in an answer, None where there is none.

    A list that is named like the resource, or in a usual way, comes before others. Then a list with objects comes
    before an empty one, a shallow list before a deep one, a long list before a short one.
    """
    if isinstance(body, list):
        return () if all(isinstance(entry, dict) for entry in body) else None
    candidates = []
    for path, value in walk(body, ()):
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            name = path[-1].lower()
            rank = 2 if name in (resource, resource.rstrip("s")) else 1 if name in USUAL_NAMES else 0
            candidates.append((rank, bool(value), -len(path), len(value), path))
    return max(candidates)[-1] if candidates else None


def scalar_values(body: Any, records_path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the single values of an answer outside its records, each with its path."""
    for path, value in walk(body, ()):
        if path[: len(records_path)] != records_path and not isinstance(value, (dict, list)):
            yield path, value


def lists_of_objects(body: Any, records_path: FieldPath) -> Iterator[tuple[FieldPath, list[dict[str, Any]]]]:
    """Yield the lists of objects in an answer outside its records, each with its path."""
    for path, value in walk(body, ()):
        if (
            path != records_path
            and isinstance(value, list)
            and all(isinstance(entry, dict) for entry in value)
        ):
            yield path, value


def walk(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the values in an object and in the objects within it, the outer before the inner."""
    if not isinstance(value, dict) or len(path) == MAX_DEPTH:
        return
    for name, inner in value.items():
        yield (*path, str(name)), inner
    for name, inner in value.items():
        yield from walk(inner, (*path, str(name)))
