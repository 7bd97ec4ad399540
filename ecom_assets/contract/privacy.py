"""Personal data: the values of columns with `pii` are replaced in records before these are checked or written.

`hash` replaces a value by its keyed SHA-256 (HMAC, as 64 hexadecimal digits), so that rows can still be joined.
`mask` replaces it by `***`, and `drop` removes the field. Null stays null, and an empty text stays empty.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.foundation.json_text import json_text

MASK = "***"
_HASH = re.compile("[0-9a-f]{64}")

Replace = Callable[[Any], Any]
"""Returns what replaces a value."""


def protect_personal_data(
    shop: Shop, resource: Resource, records: Sequence[Any], key: str, *, again: bool = False
) -> None:
    """Replace the personal data in the records of an endpoint, and in nested lists of child resources.

    The records are changed in place. If something on the path to a value is no object, it is masked as a whole,
    because it may contain the value.

    Args:
        shop: The declared shop.
        resource: The resource with the endpoint.
        records: The records of the endpoint.
        key: The secret key of hashed columns.
        again: Whether the records may be protected already: then hashes stay.
    """
    _protect_table(resource, records, key, again=again)
    for child in shop.children_of(resource.name):
        if child.rows_from and any(column.pii for column in child.declared_columns):
            path = child.rows_from.path.split(".")
            for record in records:
                elements = value_at(record, path)
                _protect_table(
                    child, elements if isinstance(elements, list) else [elements], key, again=again
                )


def _protect_table(resource: Resource, records: Sequence[Any], key: str, *, again: bool) -> None:
    """Replace the personal data in the records of one table."""
    for column in resource.declared_columns:
        if column.pii:
            replace = _replacement(column, key, again=again)
            for record in records:
                _replace_at(record, column.path, replace)


def _replacement(column: Column, key: str, *, again: bool) -> Replace | None:
    """Return the function that replaces a column's values, None if the fields are removed."""
    if column.pii == "drop":
        return None
    if column.pii == "mask":
        return lambda value: MASK

    def hashed(value: Any) -> str:
        if again and isinstance(value, str) and _HASH.fullmatch(value):
            return value
        return hashed_value(value, key)

    return hashed


def hashed_value(value: Any, key: str) -> str:
    """Return the hash of a value with the shop's secret key."""
    text = value if isinstance(value, str) else json_text(value)
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), sha256).hexdigest()


def _replace_at(record: Any, path: Sequence[str], replace: Replace | None) -> None:
    """Replace, or remove, the value at a path of a record if there is one."""
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
    if replace is None:
        del record[last]
    elif record[last] is not None and record[last] != "":
        record[last] = replace(record[last])
