"""Records taken apart into their fields: single values by path, and the nested lists of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]

_DEEPEST = 4
_MOST_KEYS = 40
_LINKS = ("_links", "links", "_embedded")


@dataclass
class Fields:
    """What records hold: of each path the values, one per record, None where there is none.

    `values` are the columns-to-be, those in `whole` objects or lists that stay JSON; `lists` are nested lists of
    objects; `unnameable` are fields whose names hold a dot, to which no declared path leads.
    """

    values: dict[Path, list[Any]] = field(default_factory=dict)
    whole: dict[Path, str] = field(default_factory=dict)
    lists: dict[Path, list[Any]] = field(default_factory=dict)
    unnameable: list[str] = field(default_factory=list)


def take_apart(records: Sequence[Any], *, nested: bool = True) -> Fields:
    """Return the fields of records; without `nested` the lists of objects stay JSON too."""
    found = Fields()
    _collect(list(records), (), found, nested)
    return found


def _collect(records: list[Any], path: Path, found: Fields, nested: bool) -> None:
    names = dict.fromkeys(name for record in records if isinstance(record, dict) for name in record)
    for name in names:
        if "." in name or not name.strip() or name != name.strip():
            found.unnameable.append(".".join((*path, name)))
            continue
        here = (*path, name)
        values = [record.get(name) if isinstance(record, dict) else None for record in records]
        present = [value for value in values if value is not None]
        kinds = {type(value) for value in present}
        if kinds == {dict} and _is_record(present, here):
            _collect(values, here, found, nested)
        elif kinds == {list} and _of_objects(present) and nested:
            found.lists[here] = values
        else:
            found.values[here] = values
            if kinds & {dict, list}:
                found.whole[here] = _why_whole(kinds, present)


def _is_record(objects: Sequence[Mapping[str, Any]], path: Path) -> bool:
    """Tell an object with fields from one whose keys are values themselves, such as prices by currency."""
    keys = {key for entry in objects for key in entry}
    if not keys or len(path) >= _DEEPEST or path[-1] in _LINKS:
        return False
    longest = max(len(entry) for entry in objects)
    by_value = len(keys) > _MOST_KEYS and longest * 2 < len(keys)
    return not by_value and not all(key.isdigit() for key in keys)


def _of_objects(lists: Sequence[Sequence[Any]]) -> bool:
    elements = [element for entry in lists for element in entry]
    return bool(elements) and all(isinstance(element, dict) for element in elements)


def _why_whole(kinds: set[type], present: Sequence[Any]) -> str:
    if kinds == {list}:
        elements = [element for entry in present for element in entry]
        if not elements:
            return "a list that is always empty"
        return (
            "a list of objects" if any(isinstance(entry, dict) for entry in elements) else "a list of values"
        )
    return "an object whose keys vary" if kinds == {dict} else "values of several kinds"
