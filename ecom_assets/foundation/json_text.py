"""Write values as compact JSON text: numbers of any length, nesting of any depth, lone surrogates."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

_MOST_DIGITS = 16_000
"""The most digits of a number in stored JSON, which is what PostgreSQL takes."""
_LONGEST = 60
"""The most characters of a value in a message."""


def json_text(value: Any, *, ordered: bool = False) -> str:
    """Return a value as compact JSON. A Decimal keeps all its digits, a lone surrogate is escaped.

    Args:
        value: A value of parsed JSON.
        ordered: Whether the fields of objects are sorted by name.
    """
    try:
        return orjson.dumps(
            value, default=_write_number, option=orjson.OPT_SORT_KEYS if ordered else 0
        ).decode()
    except (TypeError, RecursionError):
        return _write(value, ordered=ordered)


def storable_json(value: Any) -> str:
    """Return a value as JSON that a warehouse accepts.

    Raises:
        ValueError: A text has a lone surrogate, or a number more than 16,000 digits.
    """
    try:
        return orjson.dumps(value, default=_write_storable_number).decode()
    except (TypeError, RecursionError):
        return _write(value, strict=True)


def shorten_value(value: Any) -> str:
    """Return a value as messages repeat it, shortened if it is long."""
    text = repr(value) if isinstance(value, str) else json_text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _write_number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value) if value.is_finite() else "null")
    return str(value)


def _write_storable_number(value: Any) -> Any:
    """Write a Decimal that every engine reads back; PostgreSQL writes out all zeros of an exponent."""
    if isinstance(value, Decimal) and not (
        value.is_finite()
        and abs(value.adjusted()) <= _MOST_DIGITS
        and len(value.as_tuple().digits) <= _MOST_DIGITS
    ):
        raise ValueError("a number with more than 16,000 digits cannot be stored")
    return _write_number(value)


class _Fragment(str):
    """A piece of JSON text that is already written."""

    __slots__ = ()


def _write(value: Any, *, strict: bool = False, ordered: bool = False) -> str:
    """Write what orjson cannot: integers beyond 64 bits, deep nesting, and, unless `strict`, lone surrogates."""
    parts: list[str] = []
    pending: list[Any] = [
        value
    ]  # an explicit stack, since records may be nested deeper than Python can recurse
    while pending:
        entry = pending.pop()
        if isinstance(entry, _Fragment):
            parts.append(entry)
        elif isinstance(entry, dict):
            parts.append("{")
            pending.append(_Fragment("}"))
            fields = sorted(entry.items(), key=lambda field: field[0]) if ordered else entry.items()
            for position, (name, below) in reversed(list(enumerate(fields))):
                comma = "," if position else ""
                pending += (below, _Fragment(f"{comma}{_quote(str(name), strict=strict)}:"))
        elif isinstance(entry, (list, tuple)):
            parts.append("[")
            pending.append(_Fragment("]"))
            for position, below in reversed(list(enumerate(entry))):
                pending += (below, _Fragment("," if position else ""))
        elif isinstance(entry, str):
            parts.append(_quote(entry, strict=strict))
        elif isinstance(entry, int) and not isinstance(entry, bool):
            parts.append(str(entry))
        else:
            if strict:
                _write_storable_number(entry)
            parts.append(orjson.dumps(entry, default=_write_number).decode())
    return "".join(parts)


def _quote(text: str, *, strict: bool) -> str:
    try:
        return orjson.dumps(text).decode()
    except TypeError:
        if strict:
            raise ValueError("a lone surrogate cannot be stored") from None
        return json.dumps(text)
