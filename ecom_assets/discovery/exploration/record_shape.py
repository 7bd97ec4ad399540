"""The shape in which an answer has its records, where it is no list of objects: see `records` in the declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecom_assets.discovery.exploration.response_structure import USUAL_NAMES, walk
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.naming import singular

BESIDE_RECORD = ("cursor", "score", "_index", "_id", "_score", "_type", "sort")
"""Fields beside a wrapped record that belong to the list, not to the record."""
_HAS_DIGIT = re.compile(r".*\d")


@dataclass(frozen=True)
class RecordShape:
    """A shape as `records` declares it, in `declared`, with the evidence for it."""

    declared: str | Mapping[str, str]
    evidence: str

    @property
    def wrapper(self) -> FieldPath:
        """Return the path from an element to the record in it."""
        name = self._key("wrapper")
        return (name,) if name else ()

    @property
    def is_list(self) -> bool:
        """Tell whether the records are in a list."""
        return self._key("map_key") is None and self.declared not in ("map", "numbered")

    def records_in(self, found: Any) -> list[Any]:
        """Return the records in what is at the path of the list, none if it has another shape."""
        wrapper, value, map_key = (self._key(name) for name in ("wrapper", "value", "map_key"))
        if not self.is_list:
            entries = found.items() if isinstance(found, dict) else ()
            records = [(name, entry) for name, entry in entries if isinstance(entry, dict)]
            return [{map_key: name, **entry} if map_key else entry for name, entry in records]
        elements = found if isinstance(found, list) else []
        if wrapper:
            return [entry[wrapper] for entry in elements if isinstance(entry, dict) and wrapper in entry]
        return [{value: entry} for entry in elements] if value else elements

    def _key(self, name: str) -> str | None:
        return self.declared.get(name) if isinstance(self.declared, Mapping) else None


LINES = RecordShape("lines", "one JSON value a line, which the content type does not say")


def wrapped_shape(elements: Sequence[Any]) -> RecordShape | None:
    """Return the shape of elements that hold their record in one field, None where they are the records."""
    names = {name for entry in elements for name in entry}
    objects = [name for name in names if all(isinstance(entry.get(name), dict) for entry in elements)]
    if len(objects) != 1 or not names <= {objects[0], *BESIDE_RECORD} or not all(map(bool, elements)):
        return None
    inner = objects[0]
    if not all(entry[inner] for entry in elements):
        return None
    return RecordShape({"wrapper": inner}, f"each of {len(elements)} elements has its record in {inner}")


def find_other_shape(body: Any, resource: str) -> tuple[FieldPath, RecordShape] | None:
    """Return where an answer without a list of objects has its records, and their shape; None where it has none.

    Args:
        body: The answer.
        resource: The name of the resource.
    """
    for path, value in _values(body):
        shape = _map_shape(value)
        if shape:
            return path, shape
    named = {resource, singular(resource), *USUAL_NAMES}
    for path, value in _values(body):
        name = path[-1].lower() if path else resource
        single = isinstance(value, list) and value and all(type(entry) in (str, int) for entry in value)
        if single and name in named:
            field = singular(resource)
            return path, RecordShape({"value": field}, f"{len(value)} values that are no objects")
    return None


def _values(body: Any) -> Iterator[tuple[FieldPath, Any]]:
    yield (), body
    yield from walk(body, ())


def _map_shape(value: Any) -> RecordShape | None:
    """Return the shape of an object whose names are ids of its records, None for any other value."""
    if (
        not isinstance(value, dict)
        or not value
        or not all(isinstance(entry, dict) for entry in value.values())
    ):
        return None
    fields = set.intersection(*(set(entry) for entry in value.values()))
    own = [name for name in fields if all(str(entry[name]) == key for key, entry in value.items())]
    if own:
        return RecordShape("map", f"the names of {len(value)} objects are in their own {min(own)}")
    if len(value) < 2 or not fields or not all(map(_HAS_DIGIT.match, value)):
        return None
    if [key for key in value if key.isdecimal()] == list(value):
        numbers = sorted(map(int, value))
        if numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return RecordShape("numbered", f"{len(value)} objects, numbered from {numbers[0]}")
    map_key = next(name for name in ("id", "key", "map_key", "record_key") if name not in fields)
    return RecordShape({"map_key": map_key}, f"the names of {len(value)} objects look like their ids")
