"""Values as Redshift's SQL writes them.

They are not left to the driver: in a text of Redshift, a backslash begins an escape sequence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import count
from typing import Any

_NEXT = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\?""")
"""A quoted text or identifier, or the place of a parameter, in the SQL of this project."""
_NUMBERED = re.compile(r"""('(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*")|:p(\d+)\b|%\(p(\d+)\)s""", re.DOTALL)
"""The same in Redshift's SQL: `:p0` as we write it, `%(p0)s` as sqlglot does."""


def literal(value: Any) -> str:
    """Return a value in SQL."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (bytes, memoryview)):
        return f"from_hex('{bytes(value).hex()}')"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"'{value}'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return f"'{value.isoformat(' ')}'"
    if isinstance(value, (date, time)):
        return f"'{value.isoformat()}'"
    return str(value)


def json_literal(value: Any) -> str:
    """Return a text with JSON as a value of the type SUPER."""
    return "null" if value is None else f"json_parse({_quoted(value)})"


def numbered(sql: str) -> str:
    """Return a statement with `:p0` in place of its first `?`, and so on. A parameter may come twice then."""
    numbers = count()
    return _NEXT.sub(lambda found: found[1] or f":p{next(numbers)}", sql)


def filled(sql: str, parameters: Sequence[Any]) -> str:
    """Return a statement with the values of its parameters, which `numbered` has numbered."""
    if not parameters:
        return sql
    texts = [literal(value) for value in parameters]
    return _NUMBERED.sub(lambda found: found[1] or texts[int(found[2] or found[3])], sql)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
