"""Values of JSON as compact JSON text, whatever is in them: numbers of any length, any depth, broken surrogates.

What is done with the text is `contract`'s and `scalars`'.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

_SHOWN = 60


def json_text(value: Any, *, ordered: bool = False) -> str:
    """Return a value as compact JSON; a Decimal is written with all its digits, a lone surrogate escaped.

    Ordered, the fields of objects stand in the order of their names.
    """
    try:
        return orjson.dumps(value, default=_number, option=orjson.OPT_SORT_KEYS if ordered else 0).decode()
    except (TypeError, RecursionError):
        return _written(value, ordered=ordered)


def storable_json(value: Any) -> str:
    """Return a value as JSON that a warehouse takes; raises ValueError for a text with a lone surrogate."""
    try:
        return orjson.dumps(value, default=_number).decode()
    except (TypeError, RecursionError):
        return _written(value, strict=True)


def shorten_value(value: Any) -> str:
    """Return a value for a reason, cut where it is long."""
    text = repr(value) if isinstance(value, str) else json_text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value) if value.is_finite() else "null")
    return str(value)


class _Written(str):
    """A piece of JSON that is written already."""

    __slots__ = ()


def _written(value: Any, *, strict: bool = False, ordered: bool = False) -> str:
    """Write what orjson does not: numbers beyond 64 bits, deep nesting, lone surrogates unless `strict`."""
    parts: list[str] = []
    pending: list[Any] = [value]  # a stack of our own: records may be nested deeper than calls can be
    while pending:
        entry = pending.pop()
        if isinstance(entry, _Written):
            parts.append(entry)
        elif isinstance(entry, dict):
            parts.append("{")
            pending.append(_Written("}"))
            fields = sorted(entry.items(), key=lambda field: field[0]) if ordered else entry.items()
            for position, (name, below) in reversed(list(enumerate(fields))):
                comma = "," if position else ""
                pending += (below, _Written(f"{comma}{_quoted(str(name), strict=strict)}:"))
        elif isinstance(entry, (list, tuple)):
            parts.append("[")
            pending.append(_Written("]"))
            for position, below in reversed(list(enumerate(entry))):
                pending += (below, _Written("," if position else ""))
        elif isinstance(entry, str):
            parts.append(_quoted(entry, strict=strict))
        elif isinstance(entry, int) and not isinstance(entry, bool):
            parts.append(str(entry))
        else:
            parts.append(orjson.dumps(entry, default=_number).decode())
    return "".join(parts)


def _quoted(text: str, *, strict: bool) -> str:
    try:
        return orjson.dumps(text).decode()
    except TypeError:
        if strict:
            raise ValueError("a lone surrogate cannot be stored") from None
        return json.dumps(text)
