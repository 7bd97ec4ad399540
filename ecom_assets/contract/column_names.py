"""Names of undeclared columns: each field has one of its own, and keeps it in later runs.

A column has the name that dlt gives the field. dlt drops letters outside of ASCII, and writes `userId` and `user_id`
alike. So a field whose plain name another field has gets a name that ends in a digest of its own, and so does a field
of whose name dlt leaves nothing. dlt's schema in the warehouse remembers which field a column belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from ecom_assets.declaration.field_types import NAMING

FieldPath = tuple[str, ...]
"""The names of the fields that lead to a value of a record, as the API writes them."""


def normalized_path(path: Iterable[str]) -> str:
    """Return the column of a field at a path of names, if no other field has it."""
    return NAMING.normalize_path("__".join(map(_segment, path)))


def plain_name(path: Iterable[str]) -> str:
    """Return the column that dlt would give a field. Several fields may have the same one."""
    return NAMING.normalize_path("__".join(map(_normalized_name, path)))


def _segment(name: str) -> str:
    plain = _normalized_name(name)
    is_lost = not name.isascii() and not re.search("[A-Za-z0-9]", name) and any(map(str.isalpha, name))
    return f"x_{_digest((name,))}" if is_lost else plain


def _normalized_name(name: str) -> str:
    return NAMING.normalize_identifier(name) if name.strip() else "x"


def _distinct_name(path: FieldPath) -> str:
    return NAMING.normalize_path(f"{normalized_path(path)}_{_digest(path)}")


def _digest(path: FieldPath) -> str:
    text = "\0".join(path).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=3).hexdigest()


FIELD_HINT = "x-field"
"""The hint in dlt's schema with the path of a column's field, where the name alone does not tell it."""


class ColumnNames:
    """Gives the undeclared fields of one table their columns."""

    def __init__(self, declared: Collection[str], fields: Mapping[str, Iterable[str]]) -> None:
        """Take the names of the declared columns, and the fields of earlier loads by their column."""
        self._declared = frozenset(declared)
        self._fields = {name: tuple(path) for name, path in fields.items()}
        self._names = {path: name for name, path in self._fields.items()}

    def add(self, fields: Iterable[FieldPath]) -> None:
        """Give fields their columns. Of several with one name, the field that is written like the column gets it."""
        new = [path for path in fields if path not in self._names]
        for path in sorted(new, key=lambda path: (normalized_path(path) != "__".join(path), path)):
            name = self.name_for(path)
            self._names[path] = name
            self._fields[name] = path

    def name_for(self, path: FieldPath) -> str:
        """Return the column that a field has, or would get now."""
        if path in self._names:
            return self._names[path]
        plain = normalized_path(path)
        is_free = plain not in self._declared and self._fields.get(plain, path) == path
        return plain if is_free else _distinct_name(path)

    def of(self, path: FieldPath) -> str:
        """Return the column of a field that was added."""
        return self._names[path]

    def hint(self, name: str) -> dict[str, Any]:
        """Return the hint that lets dlt's schema remember the field of a column."""
        path = self._fields.get(name, ())
        return {FIELD_HINT: list(path)} if path and "__".join(path) != name else {}


def remembered_fields(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Iterable[str]]:
    """Return the fields that dlt's schema remembers, by column; a column without a hint is written like its field."""
    return {name: hint.get(FIELD_HINT) or name.split("__") for name, hint in columns.items()}
