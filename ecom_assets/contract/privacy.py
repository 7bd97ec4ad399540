"""Personal data: what a declared `pii` does to records, before anything judges, counts, shows or writes them.

`hash` puts a keyed SHA-256 in a value's place (HMAC, as 64 hexadecimal digits), so that rows can still be joined;
`mask` puts `***` there; `drop` takes the field away. Null stays null, an empty text stays empty.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.foundation.json_text import json_text

MASK = "***"

Change = Callable[[Any], Any]


def protect_personal_data(shop: Shop, resource: Resource, records: Sequence[Any], key: str) -> None:
    """Change the records of an endpoint in place, the elements of the lists that children are made of too.

    Where something on the way to a value is no object, it is masked as a whole: what it is cannot be told.
    """
    _protect(resource, records, key)
    for child in shop.children_of(resource.name):
        if child.rows_from and any(column.pii for column in child.declared_columns):
            path = child.rows_from.path.split(".")
            for record in records:
                elements = _at(record, path)
                _protect(child, elements if isinstance(elements, list) else [elements], key)


def _protect(resource: Resource, records: Sequence[Any], key: str) -> None:
    """Change the records that one table is made of."""
    for column in resource.declared_columns:
        if column.pii:
            change = _change(column, key)
            for record in records:
                _put(record, column.path, change)


def _change(column: Column, key: str) -> Change | None:
    """Return what a column's values become; None for the fields that go."""
    if column.pii == "drop":
        return None
    if column.pii == "mask":
        return lambda value: MASK
    secret = key.encode()

    def hashed(value: Any) -> str:
        text = value if isinstance(value, str) else json_text(value)
        return hmac.new(secret, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    return hashed


def _at(record: Any, path: Sequence[str]) -> Any:
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def _put(record: Any, path: Sequence[str], change: Change | None) -> None:
    """Change the value that a path leads to, if there is one."""
    for name in path[:-1]:
        if not isinstance(record, dict):
            return
        below = record.get(name)
        if below is not None and not isinstance(below, dict):
            record[name] = MASK
        record = below
    last = path[-1]
    if not isinstance(record, dict) or last not in record:
        return
    if change is None:
        del record[last]
    elif record[last] is not None and record[last] != "":
        record[last] = change(record[last])
