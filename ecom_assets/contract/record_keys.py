"""Primary keys of records as they are in the JSON. They tell records apart while pages are put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ecom_assets.foundation.json_text import json_text

Key = tuple[Any, ...]
"""The values of a primary key, or one hashable value in their place."""


def keys_of(rows: Sequence[Any], paths: Sequence[Sequence[str]]) -> list[Key]:
    """Return the primary key of each record.

    Args:
        rows: The records.
        paths: Where each part of the primary key is in a record.

    Returns:
        The keys, all hashable. For a record without a key, the key is the whole record as JSON.
    """
    if len(paths) == 1 and len(paths[0]) == 1:
        name = paths[0][0]
        keys: list[Key] = [(row.get(name),) if isinstance(row, dict) else (None,) for row in rows]
    else:
        keys = [tuple(value_at(row, path) for path in paths) for row in rows]
    return [
        key if all(type(part) in (int, str) for part in key) else _hashable_key(key, row)
        for key, row in zip(keys, rows, strict=True)
    ]


def value_at(row: Any, path: Sequence[str]) -> Any:
    """Return the value at a path in a record, None if something on the path is missing or is no object."""
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row


def canonical_json(value: Any) -> bytes:
    """Return a JSON value as text that does not depend on the order of the fields of an object."""
    return json_text(value, ordered=True).encode()


def number_equal_keys(keys: Sequence[Key]) -> list[Key]:
    """Return the keys of the records of one page, with a number in those that an earlier record of the page has too.

    Without a primary key, equal records on one page are several records.
    """
    count: Counter[Key] = Counter()
    numbered: list[Key] = []
    for key in keys:
        numbered.append((*key, count[key]) if count[key] else key)
        count[key] += 1
    return numbered


def key_text(key: Key) -> str:
    """Return a key for a message. The key of a record without one is not shown, as it is the whole record."""
    return "one without a key" if None in key else ", ".join(map(str, key))[:60]


def _hashable_key(key: Key, row: Any) -> Key:
    """Return a hashable key: the JSON of an unusual key, or of the whole record if it has no key."""
    return (None, canonical_json(row if None in key else key))
