"""Flattens records into fields: single values by path, and nested lists of objects."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.discovery.field_path import FieldPath, is_reachable

_MAX_DEPTH = 4
_MAX_KEYS = 40
"""An object with more names may have values, such as dates, as its names."""
_MOST_NAMES = 200
"""An object with more names becomes no columns, because a table gets no more by default: see `max_new_columns`."""
_FEWEST_IDS = 8
"""As many names that all have a digit, such as SKUs, are data. Fewer may be fields, such as line1 and line2."""
_ID = re.compile(r"\d{4}-\d\d(-\d\d)?|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A date, a month or a UUID."""
_LINKS = ("_links", "links", "_embedded")


@dataclass
class Fields:
    """The fields of records.

    Attributes:
        values: For each path one value per record, None where the record has none. These become columns.
        json_reasons: For the paths in `values` whose objects or lists stay JSON, the reason.
        lists: Nested lists of objects, one per record.
        unreachable: Fields that no declared path leads to, because of a dot or a space in their names.
    """

    values: dict[FieldPath, list[Any]] = field(default_factory=dict)
    json_reasons: dict[FieldPath, str] = field(default_factory=dict)
    lists: dict[FieldPath, list[Any]] = field(default_factory=dict)
    unreachable: list[str] = field(default_factory=list)


def flatten_records(records: Sequence[Any], *, nested: bool = True) -> Fields:
    """Return the fields of records; without `nested`, lists of objects stay JSON too."""
    fields = Fields()
    _collect(list(records), (), fields, nested)
    return fields


def _collect(records: list[Any], parent: FieldPath, fields: Fields, nested: bool) -> None:
    names = dict.fromkeys(name for record in records if isinstance(record, dict) for name in record)
    for name in names:
        if not is_reachable(name):
            fields.unreachable.append(".".join((*parent, name)))
            continue
        path = (*parent, name)
        values = [record.get(name) if isinstance(record, dict) else None for record in records]
        present = [value for value in values if value is not None]
        kinds = {type(value) for value in present}
        if kinds == {dict} and _has_fields(present, path):
            _collect(values, path, fields, nested)
        elif kinds == {list} and _hold_objects(present) and nested:
            fields.lists[path] = values
        else:
            fields.values[path] = values
            if kinds & {dict, list}:
                fields.json_reasons[path] = _json_reason(kinds, present)


def _has_fields(objects: Sequence[Mapping[str, Any]], path: FieldPath) -> bool:
    """Tell an object with fields from one whose names are values, such as prices by currency."""
    names = {name for entry in objects for name in entry}
    if not names or len(path) >= _MAX_DEPTH or path[-1] in _LINKS:
        return False
    largest = max(len(entry) for entry in objects)
    names_vary = len(names) > _MAX_KEYS and largest * 2 < len(names)
    return not names_vary and len(names) <= _MOST_NAMES and not _are_ids(names, objects)


def _are_ids(names: Collection[str], objects: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the names of objects are data, such as ids, SKUs, dates or UUIDs, and their values are alike."""
    if all(name.isdigit() or _ID.fullmatch(name) for name in names):
        return True
    if len(names) < _FEWEST_IDS or not all(any(map(str.isdigit, name)) for name in names):
        return False
    shapes = {
        tuple(sorted(value)) if isinstance(value, dict) else type(value)
        for entry in objects
        for value in entry.values()
        if value is not None
    }
    return len(shapes) == 1


def _hold_objects(lists: Sequence[Sequence[Any]]) -> bool:
    elements = [element for entry in lists for element in entry]
    return bool(elements) and all(isinstance(element, dict) for element in elements)


def _json_reason(kinds: set[type], present: Sequence[Any]) -> str:
    if kinds == {list}:
        elements = [element for entry in present for element in entry]
        if not elements:
            return "a list that is always empty"
        return (
            "a list of objects" if any(isinstance(entry, dict) for entry in elements) else "a list of values"
        )
    return "an object whose names vary" if kinds == {dict} else "values of several kinds"
