"""Texts with places to be filled: dlt's `{resources.<parent>.<field>}` and `{incremental.start_value}`.

A brace that is none of these is written twice, as in dlt. Which parts of an endpoint may hold them is
`declared_endpoint`'s, with what they are filled `requesting`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import Any, NamedTuple

START = "incremental.start_value"
END = "incremental.end_value"
ALLOWED = "{resources.<parent>.<field>}, {" + START + "} or {" + END + "}, and other braces written twice"

_FIELD = re.compile(r"resources\.([a-z][a-z0-9_]*)\.([^{}]+)")


class ParentField(NamedTuple):
    """What a placeholder takes from a record of another resource; `field` is dotted."""

    resource: str
    field: str


def parent_field(placeholder: str) -> ParentField | None:
    """Return which field of which resource a placeholder stands for, None when it stands for something else."""
    match = _FIELD.fullmatch(placeholder)
    return ParentField(match[1], match[2]) if match else None


def find_placeholders(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the place within a value, and the name, of each placeholder in its texts and keys.

    The name of a brace that stands alone, or of a placeholder with a format, is empty.
    """
    if isinstance(value, str):
        try:
            for _, name, form, conversion in Formatter().parse(value):
                if name is not None:
                    yield (), "" if form or conversion else name
        except ValueError:
            yield (), ""
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            for _, name in find_placeholders(key):
                yield (str(key),), name
            for place, name in find_placeholders(entry):
                yield (str(key), *place), name
    elif isinstance(value, (list, tuple)):
        for position, entry in enumerate(value):
            for place, name in find_placeholders(entry):
                yield (position, *place), name


def placeholder_names(*values: Any) -> frozenset[str]:
    """Return the names of all placeholders in values."""
    return frozenset(name for value in values for _, name in find_placeholders(value))


def replace_placeholders(value: Any, replace: Callable[[str], str]) -> Any:
    """Return a value with other text in place of its placeholders; what is no text stays what it is."""
    if isinstance(value, str):
        text = ""
        for literal, name, _, _ in Formatter().parse(value):
            text += literal.replace("{", "{{").replace("}", "}}") + ("" if name is None else replace(name))
        return text
    if isinstance(value, Mapping):
        return {
            replace_placeholders(key, replace): replace_placeholders(entry, replace)
            for key, entry in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [replace_placeholders(entry, replace) for entry in value]
    return value
