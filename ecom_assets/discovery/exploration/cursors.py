"""Fields that look like the instant of a record's last change, and the parameters that may filter by them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.column import Column
from ecom_assets.discovery.tables.naming import snake_case

_CHANGED = re.compile(r"(updated?|modified|modification|changed?|edited)(_|$)")
_WORDS = re.compile(r"updated|modified|changed")
_NO_INSTANT = re.compile(r"(^|_)(by|count|id|user|name|reason)$")
_UTC = re.compile(r"_(gmt|utc)$")
_DEEPEST = 2

INSTANT = Column(name="instant", data_type="timestamp")
"""The column that a cursor would be."""


@dataclass(frozen=True)
class Cursor:
    """A field that may tell when a record last changed, its values as instants in UTC, one per record.

    `formats` are the ways in which the API may want instants written, the likely ones first.
    """

    path: tuple[str, ...]
    moments: Sequence[datetime]
    formats: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the path with dots."""
        return ".".join(self.path)


def cursors(records: Sequence[Any]) -> list[Cursor]:
    """Return the fields that look like last changes and are instants in every record, the best first."""
    found = []
    for path in _paths(records[:1], ()):
        name = snake_case(path[-1])
        if not _CHANGED.search(name) or _NO_INSTANT.search(name) or any("." in part for part in path):
            continue
        values = [value_at(record, path) for record in records]
        moments = cursor_instants(values, INSTANT).to_pylist()
        if all(moment is not None for moment in moments) and not any(
            isinstance(value, bool) for value in values
        ):
            found.append(((not _UTC.search(name), len(path)), Cursor(path, moments, _formats(values))))
    return [cursor for _, cursor in sorted(found, key=lambda entry: entry[0])]


def _paths(values: Sequence[Any], path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if len(path) > _DEEPEST or not values or not isinstance(values[0], dict):
        return [path] if path else []
    return [found for name, value in values[0].items() for found in _paths([value], (*path, str(name)))]


def _formats(values: Sequence[Any]) -> tuple[str, ...]:
    """Return formats in the order in which an API that writes such values is likely to take them."""
    if all(isinstance(value, (int, float)) for value in values):
        first = "unix_ms" if max(values) > 1e11 else "unix"
        return (first, "iso8601", "date")
    texts = [str(value) for value in values]
    if all(len(text) == len("2026-01-01") for text in texts):
        return ("date", "iso8601", "unix")
    if all(re.search(r"(Z|[+-]\d\d:?\d\d)$", text) for text in texts):
        return ("iso8601", "unix", "date", "iso8601_naive")
    if all(text[10:11] == " " for text in texts):
        # most likely as the API itself writes them
        return ("%Y-%m-%d %H:%M:%S", "iso8601_naive", "iso8601", "date")
    return ("iso8601_naive", "iso8601", "date", "unix")


def filter_params(
    cursor: Cursor, known: Collection[str], taken: Collection[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return names of parameters for a window's start, each with those that may be its end, the likely first.

    `known` are the parameters that a description of the API has, if there is one; `taken` have another use.
    """
    name = cursor.path[-1]
    snake = snake_case(name)
    bare = _UTC.sub("", snake)
    word = _WORDS.search(snake)
    said = word.group() if word else "updated"
    camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), bare)
    pairs: list[tuple[str, tuple[str, ...]]] = [
        (f"{bare}_min", (f"{bare}_max",)),
        (f"{said}_after", (f"{said}_before",)),
        ("after", ("before",)),
        (f"{said}_since", (f"{said}_until",)),
        ("since", ("until", "before")),
        (f"{name}[gte]", (f"{name}[lt]", f"{name}[lte]")),
        (f"{bare}_from", (f"{bare}_to",)),
        ("from", ("to",)),
        ("modified_after", ("modified_before",)),
        ("start_date", ("end_date",)),
        (f"{bare}__gte", (f"{bare}__lt", f"{bare}__lte")),
        ("updated_since", ("updated_until",)),
        (f"{bare}_gte", (f"{bare}_lt", f"{bare}_lte")),
        (f"{bare}_after", (f"{bare}_before",)),
        (f"min_{bare}", (f"max_{bare}",)),
        (f"{said}_from", (f"{said}_to",)),
        ("date_from", ("date_to",)),
        (f"{camel}From", (f"{camel}To",)),
        (f"{camel}Min", (f"{camel}Max",)),
        (f"{said}After", (f"{said}Before",)),
        (f"{said}Since", (f"{said}Until", f"{said}Before")),
        (f"{bare}_start", (f"{bare}_end",)),
        (f"{bare}_since", (f"{bare}_until",)),
        (f"{said}_min", (f"{said}_max",)),
        (f"filter[{name}][gte]", (f"filter[{name}][lt]", f"filter[{name}][lte]")),
        (f"{name}[after]", (f"{name}[before]", f"{name}[strictly_before]")),
        (f"{name}[from]", (f"{name}[to]",)),
        ("updated_after", ("updated_before",)),
        ("modified_since", ("modified_until", "modified_before")),
        ("startDate", ("endDate",)),
        ("fromDate", ("toDate",)),
        ("dateFrom", ("dateTo",)),
        ("last_modified_after", ("last_modified_before",)),
        ("changed_since", ("changed_until",)),
        ("start_time", ("end_time",)),
        ("start", ("end",)),
        ("min", ("max",)),
    ]
    found: dict[str, tuple[str, ...]] = {}
    for start, ends in pairs:
        if (not known or start in known) and start not in taken:
            found.setdefault(start, tuple(end for end in ends if not known or end in known))
    return list(found.items())
