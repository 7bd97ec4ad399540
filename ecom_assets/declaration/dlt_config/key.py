"""One key of dlt's configuration, and the ways in which a declaration treats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Treatment = Literal["as it is", "in our way", "only in Python", "refused"]


class DltKey(NamedTuple):
    """What happens to a key of dlt.

    Attributes:
        key: The key in dlt's typed dictionary, or one of the values that a type may have.
        treatment: Whether it is taken or refused.
        text: What it does here, or why it is refused.
        instead: What to use where it, or a value of it, is refused.
        takes: The values that are taken; None where every value of the right type is.
        has_no_effect: Whether the key is taken, and changes nothing.
        schema: The JSON Schema of its values, for a key that only dlt's spelling has.
    """

    key: str
    treatment: Treatment
    text: str
    instead: str = ""
    takes: tuple[Any, ...] | None = None
    has_no_effect: bool = False
    schema: Mapping[str, Any] | None = None


class DltSection(NamedTuple):
    """The keys of dlt's typed dictionaries for one place of a file.

    Attributes:
        title: The heading in the documentation.
        place: The place in a file.
        dictionaries: The names of dlt's typed dictionaries, or of its types that list values.
        keys: What happens to each key.
    """

    title: str
    place: str
    dictionaries: tuple[str, ...]
    keys: tuple[DltKey, ...]

    def find(self, key: str) -> DltKey | None:
        """Return the entry of a key, None for a key that dlt does not have."""
        return next((entry for entry in self.keys if entry.key == key), None)


def as_it_is(key: str, text: str) -> DltKey:
    """Return the entry of a key that means here what it means in dlt."""
    return DltKey(key, "as it is", text)


def in_our_way(
    key: str,
    text: str,
    instead: str = "",
    *,
    takes: tuple[Any, ...] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> DltKey:
    """Return the entry of a key that is taken, with a meaning that the text explains."""
    return DltKey(key, "in our way", text, instead, takes, schema=schema)


def no_effect(
    key: str, text: str, instead: str = "", *, takes: tuple[Any, ...] | None = None, schema: Mapping[str, Any]
) -> DltKey:
    """Return the entry of a key that is taken and changes nothing, for the reason in the text."""
    return DltKey(key, "in our way", text, instead, takes, has_no_effect=True, schema=schema)


def only_in_python(key: str, text: str, instead: str) -> DltKey:
    """Return the entry of a key whose value is a function, which a file cannot hold."""
    return DltKey(key, "only in Python", text, instead)


def refused(key: str, why: str, instead: str) -> DltKey:
    """Return the entry of a key that is refused: why, and what to use."""
    return DltKey(key, "refused", why, instead)
