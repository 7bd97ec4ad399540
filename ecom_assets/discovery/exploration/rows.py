"""Where the list of records is in an answer, and what else the answer says, by path.

Nothing here asks; which path means what is decided by `paging` and `totals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_DEEPEST = 3
_KNOWN = (
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
_RESERVED = {"where", "contains", "parent", "sort", "sorted", "str", "sub", "split"}

Path = tuple[str, ...]


def json_path(path: Path) -> str:
    """Write a path as a JSONPath, with what is no plain name in quotes; `$` is the answer itself."""
    return ".".join(map(_segment, path)) or "$"


def _segment(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name not in _RESERVED
    return name if plain else f"'{name}'"


def value_at(body: Any, path: Path) -> Any:
    """Return what a path leads to, None where it leads nowhere."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def find_rows(body: Any, endpoint: str) -> Path | None:
    """Return the path of the list of records in an answer, None where there is none.

    One that is named like the endpoint or in a usual way goes before another, one of objects before an empty
    one, a shallow before a deep one, then a long before a short one.
    """
    if isinstance(body, list):
        return () if all(isinstance(entry, dict) for entry in body) else None
    found = []
    for path, value in _walk(body, ()):
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            name = path[-1].lower()
            known = 2 if name in (endpoint, endpoint.rstrip("s")) else 1 if name in _KNOWN else 0
            found.append((known, bool(value), -len(path), len(value), path))
    return max(found)[-1] if found else None


def scalars(body: Any, rows: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the single values of an answer that lie outside of its records."""
    for path, value in _walk(body, ()):
        if path != rows and not isinstance(value, (dict, list)):
            yield path, value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield what is in an object and in the objects within it, the outer before the inner."""
    if not isinstance(value, dict) or len(path) == _DEEPEST:
        return
    for name, inner in value.items():
        yield (*path, str(name)), inner
    for name, inner in value.items():
        yield from _walk(inner, (*path, str(name)))
