"""Finds the list of records in an answer, and the single values around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.naming import singular, snake_case

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


_MESSAGES = ("error", "errors", "warning", "warnings", "problems", "notices")
"""Lists of what an API says about a request; they hold no records of a shop."""
_AROUND = (
    "messages",
    "included",
    "links",
    "facets",
    "filters",
    "aggregations",
    "sorts",
    "sorting",
    "meta",
    "debug",
)
"""Lists that stand beside the records."""


def find_record_list(body: Any, resource: str) -> FieldPath | None:
    """Return the path of the list of records in an answer, None where there is none.

    A list that is named like the resource, or in a usual way, comes before others. Then a list with objects comes
    before an empty one, a shallow list before a deep one, a long list before a short one. A list of errors is none.

    Args:
        body: The answer.
        resource: The name of the resource; singular or plural, with or without underscores.
    """
    if isinstance(body, list):
        return () if all(isinstance(entry, dict) for entry in body) else None
    wanted = _compared(resource)
    candidates = []
    for path, value in walk(body, ()):
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            name = _compared(path[-1])
            rank = 2 if name == wanted else 1 if path[-1].lower() in USUAL_NAMES else 0
            if rank < 2 and any(part.lower() in _MESSAGES for part in path):
                continue
            rank = -1 if rank == 0 and path[-1].lower() in _AROUND else rank
            candidates.append((rank, bool(value), -len(path), len(value), path))
    return max(candidates)[-1] if candidates else None


def _compared(name: str) -> str:
    """Return a name in the singular, without case, hyphens and underscores, in which names of one thing differ."""
    return singular(snake_case(name)).replace("_", "")


def scalar_values(body: Any, records_path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the single values of an answer outside its records, each with its path.

    They may lie in an object beside the records, however deep these are.
    """
    for path, value in walk(body, (), max(MAX_DEPTH, len(records_path) + 1)):
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


def walk(value: Any, path: FieldPath, depth: int = MAX_DEPTH) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the values in an object and in the objects within it, the outer before the inner.

    Args:
        value: The object.
        path: Where it is.
        depth: How many names a path has at most.
    """
    if not isinstance(value, dict) or len(path) == depth:
        return
    for name, inner in value.items():
        yield (*path, str(name)), inner
    for name, inner in value.items():
        yield from walk(inner, (*path, str(name)), depth)
