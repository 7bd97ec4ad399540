"""Finds fields that look like the time of a record's last change, and names of parameters that may filter by them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecom_assets.contract.conversion import cursor_instants
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.table.column import Column
from ecom_assets.discovery.field_path import FieldPath
from ecom_assets.discovery.tables.naming import snake_case

_CHANGE_NAMES = re.compile(
    r"(updated?|modified|modification|modify|changed?|edited|mtime|lastmod|modstamp|(^|_)upd|(^|_)write_(date|time))(_|$)"
)
_CHANGE_WORDS = re.compile(r"updated|modified|changed")
_OTHER_NAMES = re.compile(r"(^|_)(by|count|id|user|name|reason)$")
_UTC_SUFFIX = re.compile(r"_(gmt|utc)$")
_MAX_DEPTH = 2

INSTANT = Column(name="instant", data_type="timestamp")
"""The column as which the values of a cursor are converted."""


@dataclass(frozen=True)
class Cursor:
    """A field that may tell when a record last changed.

    `instants` are its values in UTC, one per record. `formats` are the formats in which the API may take instants, the
    likely ones first.
    """

    path: FieldPath
    instants: Sequence[datetime]
    formats: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the path with dots."""
        return ".".join(self.path)

    @property
    def field(self) -> str:
        """Return the name in filters: those of JSON:API leave out `attributes`."""
        return ".".join(self.path[1:] if self.path[0] == "attributes" else self.path)

    def instants_of(self, records: Sequence[Any]) -> list[datetime | None]:
        """Return the field's instant of each record, in UTC."""
        instants: list[datetime | None] = cursor_instants(
            [value_at(record, self.path) for record in records], INSTANT
        ).to_pylist()
        return instants


def find_cursors(records: Sequence[Any], named: Sequence[str] = ()) -> list[Cursor]:
    """Return the fields that look like a last change and hold an instant in every record, the best first.

    Args:
        records: A sample.
        named: Words of a request for a window. A field with one of these names comes first, whatever it looks like.
    """
    ranked = []
    ranks = {word: rank for rank, word in reversed(list(enumerate(named)))}
    for path in _field_paths(records[:1], ()):
        name = snake_case(path[-1])
        rank = min(ranks.get(".".join(path), len(named)), ranks.get(path[-1], len(named)))
        if any("." in part for part in path) or not (rank < len(named) or tells_change(path[-1])):
            continue
        values = [value_at(record, path) for record in records]
        instants = cursor_instants(values, INSTANT).to_pylist()
        if all(instant is not None for instant in instants) and not any(
            isinstance(value, bool) for value in values
        ):
            cursor = Cursor(path, instants, _likely_formats(values))
            ranked.append(((rank, not _UTC_SUFFIX.search(name), len(path)), cursor))
    return [cursor for _, cursor in sorted(ranked, key=lambda entry: entry[0])]


def tells_change(name: str) -> bool:
    """Tell whether a field is named like the time of a record's last change."""
    snake = snake_case(name)
    return _CHANGE_NAMES.search(snake) is not None and not _OTHER_NAMES.search(snake)


def _field_paths(values: Sequence[Any], path: FieldPath) -> list[FieldPath]:
    if len(path) > _MAX_DEPTH or not values or not isinstance(values[0], dict):
        return [path] if path else []
    return [found for name, value in values[0].items() for found in _field_paths([value], (*path, str(name)))]


def _likely_formats(values: Sequence[Any]) -> tuple[str, ...]:
    """Return formats in the order in which an API that writes such values is likely to take them."""
    texts = [str(value).strip() for value in values]
    if all(re.fullmatch(r"\d+(\.\d+)?", text) for text in texts):
        first = "unix_ms" if max(map(float, texts)) > 1e11 else "unix"
        return (first, "iso8601", "date")
    if all(text.startswith("/Date(") for text in texts):
        return ("iso8601", "unix_ms", "iso8601_naive", "date")
    if all(len(text) == len("2026-01-01") for text in texts):
        return ("date", "iso8601", "unix")
    if all(re.search(r"\d\d(Z|[+-]\d\d:?\d\d)$", text) for text in texts) and texts[0][:1].isdigit():
        return ("iso8601", "unix", "date", "iso8601_naive")
    # an API most likely takes instants as it writes them
    for pattern, instant_format in _AS_WRITTEN:
        if all(pattern.fullmatch(text) for text in texts):
            return (instant_format, "iso8601", "iso8601_naive", "date")
    return ("iso8601_naive", "iso8601", "date", "unix")


_CLOCK = r"\d\d:\d\d:\d\d(\.\d+)?"
_AS_WRITTEN = (
    (re.compile(rf"\d{{4}}-\d\d-\d\d {_CLOCK}"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(rf"\d{{4}}-\d\d-\d\d {_CLOCK} UTC"), "%Y-%m-%d %H:%M:%S UTC"),
    (
        re.compile(rf"[A-Z][a-z]{{2}}, \d\d? [A-Z][a-z]{{2}} \d{{4}} {_CLOCK} GMT"),
        "%a, %d %b %Y %H:%M:%S GMT",
    ),
    (
        re.compile(rf"[A-Z][a-z]{{2}}, \d\d? [A-Z][a-z]{{2}} \d{{4}} {_CLOCK} .*"),
        "%a, %d %b %Y %H:%M:%S +0000",
    ),
)
"""How an API may write instants, each with the format in which it most likely takes them."""


_STARTS = ("min", "from", "after", "since", "start", "begin", "gte", "gt", "gteq", "ge", "newer")
_ENDS = ("max", "to", "before", "until", "end", "end", "lt", "lt", "lt", "lt", "older")
_LATER_ENDS = {"since": ("before",), "gte": ("lte",), "gteq": ("lteq",), "ge": ("le",), "gt": ("lte",)}
_CHANGE_STEMS = re.compile(r"updat|modif|chang|edit")
_GENERAL_WORDS = {"at", "on", "date", "time", "datetime", "utc", "gmt", "last"}
"""Words that filters by other times have too."""
_CREATION = re.compile(r"creat|placed|publish|ordered|birth|deliver|ship|paid|expire|due")


def described_pairs(known: Collection[str], cursor: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the known parameters that look like the start of a window, each with those that look like its end.

    Args:
        known: Names of parameters. Where they come from a description, a mapping of what it says about each.
        cursor: The name of the field to filter by, in snake_case.

    Returns:
        The best first: those that are named after the field, then those about changes, then the general ones.
    """
    about: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    words = set(cursor.split("_")) - _GENERAL_WORDS
    ranked = []
    for name in known:
        parts = _parts(name)
        text = str(about.get(name, {}).get("description", "")).lower()
        start = next((part for part in parts if part in _STARTS), "")
        if not start:
            continue
        rest = {part for part in parts if part != start}
        says_change = bool(
            _CHANGE_WORDS.search(text) or rest & {"updated", "update", "modified", "changed", "change"}
        )
        if not (rest & words) and not says_change and _CREATION.search(f"{name} {text}".lower()):
            continue  # a filter by another time would miss changes
        number = _STARTS.index(start)
        others = [_ENDS[number], *_LATER_ENDS.get(start, ())]
        wanted = [_swapped(parts, start, end) for end in others]
        ends = tuple(other for end in wanted for other in known if other != name and end == _parts(other))
        ranked.append(((not rest & words, not says_change), name, ends))
    return [(name, ends) for _, name, ends in sorted(ranked, key=lambda entry: entry[0])]


def says_change(name: str, about: Mapping[str, Any]) -> bool:
    """Tell whether the name of a parameter, or what a description says about it, speaks of changes."""
    if _CHANGE_STEMS.search(snake_case(name)):
        return True
    text = str(about.get("description", "")).lower()
    return _CHANGE_STEMS.search(text) is not None and not _CREATION.search(text)


def change_headers(described: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the described request headers that take the time after which a record changed."""
    return [
        name
        for name, about in described.items()
        if re.search(r"since|after|from|start|min", name.lower())
        and "unmodified" not in name.lower()
        and says_change(name, about)
    ]


def _filters_by_creation(name: str, about: Mapping[str, Any]) -> bool:
    """Tell whether a description says that a parameter filters by another time than that of the last change."""
    text = str(about.get("description", "")).lower()
    return _CREATION.search(f"{name} {text}".lower()) is not None and not says_change(name, about)


def _parts(name: str) -> list[str]:
    """Return the words of a parameter's name in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _swapped(parts: list[str], start: str, end: str) -> list[str]:
    return [end if part == start else part for part in parts]


def filter_params(
    cursor: Cursor, known: Collection[str], taken: Collection[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return parameters for a window's start, the likely ones first, each with the parameters that may be its end.

    Args:
        cursor: The field to filter by.
        known: The parameters that the API is known to have; no others are returned unless it is empty.
        taken: The parameters that already have another use.
    """
    name = cursor.path[-1]
    snake = snake_case(name)
    bare = _UTC_SUFFIX.sub("", snake)
    word = _CHANGE_WORDS.search(snake)
    change = word.group() if word else "updated"
    camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), bare)
    pairs: list[tuple[str, tuple[str, ...]]] = [
        (f"{bare}_min", (f"{bare}_max",)),
        (f"{change}_after", (f"{change}_before",)),
        ("after", ("before",)),
        (f"{change}_since", (f"{change}_until",)),
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
        (f"{change}_from", (f"{change}_to",)),
        ("date_from", ("date_to",)),
        (f"{camel}From", (f"{camel}To",)),
        (f"{camel}Min", (f"{camel}Max",)),
        (f"{change}After", (f"{change}Before",)),
        (f"{change}Since", (f"{change}Until", f"{change}Before")),
        (f"{change}From", (f"{change}To",)),
        (f"{change}Min", (f"{change}Max",)),
        (f"{bare}_start", (f"{bare}_end",)),
        (f"{bare}_since", (f"{bare}_until",)),
        (f"{change}_min", (f"{change}_max",)),
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
        (f"{name}:min", (f"{name}:max",)),
        (f"min_{name}", (f"max_{name}",)),
        (f"q[{bare}_gteq]", (f"q[{bare}_lt]", f"q[{bare}_lteq]")),
        (f"filter[{bare}_gteq]", (f"filter[{bare}_lt]", f"filter[{bare}_lteq]")),
        (f"filter[{name}][_gte]", (f"filter[{name}][_lt]", f"filter[{name}][_lte]")),
        (f"filter[{name}][$gte]", (f"filter[{name}][$lt]", f"filter[{name}][$lte]")),
        (f"filters[{name}][$gte]", (f"filters[{name}][$lt]", f"filters[{name}][$lte]")),
        (f"filter[{bare}_from]", (f"filter[{bare}_to]",)),
        (f"filter[{change}_since]", (f"filter[{change}_until]", f"filter[{change}_before]")),
        (f"filter[{change}_after]", (f"filter[{change}_before]",)),
        (f"{name}[$gte]", (f"{name}[$lt]", f"{name}[$lte]")),
        (f"{name}[min]", (f"{name}[max]",)),
        (f"{name}>", (f"{name}<",)),
        (f"{name}>=", (f"{name}<", f"{name}<=")),
        (f"{name}.gte", (f"{name}.lt", f"{name}.lte")),
        (f"{name}_gte", (f"{name}_lt", f"{name}_lte")),
        ("begin_time", ("end_time",)),
        ("begin", ("end",)),
        ("time_from", ("time_to",)),
        ("from_date", ("to_date",)),
        ("min_last_modified", ("max_last_modified",)),
        ("start_update_date", ("end_update_date",)),
        ("if_modified_since", ()),
    ]
    pairs += described_pairs(known, snake)
    about: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
    if known:
        pairs = [pair for pair in pairs if not _filters_by_creation(pair[0], about.get(pair[0]) or {})]
        pairs.sort(key=lambda pair: not _CHANGE_STEMS.search(snake_case(pair[0])))
    ends_by_start: dict[str, tuple[str, ...]] = {}
    for start, ends in pairs:
        if (not known or start in known) and start not in taken:
            ends_by_start.setdefault(start, tuple(end for end in ends if not known or end in known))
    return list(ends_by_start.items())
