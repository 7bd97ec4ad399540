"""The errors about keys of dlt's configuration that are refused, worded by the table of all keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ecom_assets.declaration.dlt_config.key import DltKey, DltSection
from ecom_assets.declaration.error_text import Place, format_value

Fail = Callable[[Place, str, str], Exception]
"""Returns the error for a place, given what was found and what is allowed."""


class Refusal(NamedTuple):
    """What was found, and what is allowed."""

    found: str
    allowed: str


def refusal_of(key: DltKey, value: Any) -> Refusal | None:
    """Return why a key or its value is refused, None if both are taken; null stands for the default."""
    if value is None:
        return None
    if key.treatment == "refused":
        instead = "a resource without it" if key.instead == "nothing" else f"{key.instead} instead"
        return Refusal(f"a key of dlt that is refused, because {key.text}", instead)
    if key.treatment == "only in Python" and not _holds_function(value):
        return Refusal(f"{format_value(value)} where only a function of Python can stand", key.instead)
    # compared with its type, because True equals 1
    if key.takes is not None and not any(
        value == taken and type(value) is type(taken) for taken in key.takes
    ):
        return Refusal(format_value(value), key.instead)
    return None


def take_keys(section: DltSection, given: Mapping[str, Any], place: Place, fail: Fail) -> dict[str, Any]:
    """Return a mapping without the keys that have no effect.

    Args:
        section: The keys of dlt at this place. Other keys stay as they are.
        given: The mapping in the file.
        place: Its place.
        fail: Makes the error.

    Raises:
        DeclarationError: A key or its value is refused.
    """
    taken = {}
    for name, value in given.items():
        key = section.find(name)
        if key is not None:
            if refusal := refusal_of(key, value):
                raise fail((*place, name), *refusal)
            if key.has_no_effect:
                if value is not None and not isinstance(value, (str, bool)):
                    raise fail((*place, name), format_value(value), key.instead or "true or false")
                continue
        taken[name] = value
    return taken


def _holds_function(value: Any) -> bool:
    """Tell whether a value is a function, or a list or mapping whose innermost values are functions."""
    if isinstance(value, Mapping):
        return bool(value) and all(map(_holds_function, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_holds_function, value))
    return callable(value)
