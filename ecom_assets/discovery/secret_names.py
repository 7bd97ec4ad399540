"""Records without the fields whose very names repeat a secret, since a declaration would have to write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_WORD = 8
"""A secret that is shorter, such as a user called `orders`, is a word that fields may well be called by."""


def without_secret_names(value: Any, scrub: Callable[[str], str]) -> Any:
    """Return a value of JSON without such fields; `scrub` takes secrets out of a text."""
    if isinstance(value, dict):
        return {
            name: without_secret_names(inner, scrub)
            for name, inner in value.items()
            if len(name) < _WORD or scrub(name) == name
        }
    return [without_secret_names(inner, scrub) for inner in value] if isinstance(value, list) else value
