"""Placeholders in the texts of an endpoint: dlt's `{resources.<parent>.<field>}` and `{incremental.start_value}`.

A literal brace is doubled, as in dlt. See `ecom_assets.declaration.api.endpoint` for the parts of an endpoint that may
hold placeholders, and `ecom_assets.extract.request_template` for filling them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import Any, NamedTuple

START = "incremental.start_value"
END = "incremental.end_value"
PARTS = ("path", "params", "json", "data", "headers")
"""The parts of an endpoint that may hold placeholders, as a file names them."""
ALLOWED = (
    "{resources.<parent>.<field>}, {"
    + START
    + "} or {"
    + END
    + "}; double a literal brace, {{ or }}, to escape it"
)

_FIELD = re.compile(r"resources\.([a-z][a-z0-9_]*)\.([^{}]+)")


class ParentField(NamedTuple):
    """The field of another resource's records that a placeholder stands for; `field` is dotted."""

    resource: str
    field: str


def parent_field(placeholder: str) -> ParentField | None:
    """Return the field that the name of a placeholder stands for, None if it stands for something else."""
    match = _FIELD.fullmatch(placeholder)
    return ParentField(match[1], match[2]) if match else None


def find_placeholders(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the place within a value, and the name, of each placeholder in its texts and keys.

    The name is empty for a single brace, and for a placeholder with a format or a conversion.
    """
    if isinstance(value, str):
        if "{" not in value and "}" not in value:
            return
        try:
            for _, name, format_spec, conversion in Formatter().parse(value):
                if name is not None:
                    yield (), "" if format_spec or conversion else name
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
    """Return a copy of a value with its placeholders replaced.

    Literal braces stay doubled, so that the result can be filled again. Values that are not texts stay as they are.

    Args:
        value: A text, or a mapping or list with texts at any depth.
        replace: Returns the text to put in place of a placeholder, given its name.
    """
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
