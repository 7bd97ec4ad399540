"""What tells records apart while their pages are put together: their primary keys, as they stand in the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecom_assets.foundation.json_text import json_text

Key = tuple[Any, ...]


def keys_of(rows: Sequence[Any], paths: Sequence[Sequence[str]]) -> list[Key]:
    """Return each row's primary key, which `paths` lead to; for a row without one, the whole row."""
    if len(paths) == 1 and len(paths[0]) == 1:
        name = paths[0][0]
        keys: list[Key] = [(row.get(name),) if isinstance(row, dict) else (None,) for row in rows]
    else:
        keys = [tuple(value_at(row, path) for path in paths) for row in rows]
    return [
        key if all(type(part) in (int, str) for part in key) else _whole(key, row)
        for key, row in zip(keys, rows, strict=True)
    ]


def value_at(row: Any, path: Sequence[str]) -> Any:
    """Return what a path leads to in a record, None where something on the way is missing or no object."""
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row


def key_bytes(value: Any) -> bytes:
    """Return a value of JSON as text that does not depend on the order in which an object names its fields."""
    return json_text(value, ordered=True).encode()


def key_text(key: Key) -> str:
    """Return a key for a message; of a record without one nothing is shown, as all of it would be."""
    return "one without a key" if None in key else ", ".join(map(str, key))[:60]


def _whole(key: Key, row: Any) -> Key:
    """Return a key that can be hashed: of an unusual key its text, of a record without one all of it."""
    return (None, key_bytes(row if None in key else key))
