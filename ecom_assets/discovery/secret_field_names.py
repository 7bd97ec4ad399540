"""Removes fields whose names contain a secret: a declaration would have to repeat the name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SHORTEST_NAME = 8
"""Shorter names are kept: a short secret, such as the user name `orders`, is also an ordinary field name."""


def drop_secret_field_names(value: Any, scrub: Callable[[str], str]) -> Any:
    """Return a JSON value without the fields whose names contain a secret.

    Args:
        value: A JSON value; objects and lists in it are searched too.
        scrub: Removes the secrets from a text.
    """
    if isinstance(value, dict):
        return {
            name: drop_secret_field_names(inner, scrub)
            for name, inner in value.items()
            if len(name) < _SHORTEST_NAME or scrub(name) == name
        }
    return [drop_secret_field_names(inner, scrub) for inner in value] if isinstance(value, list) else value
