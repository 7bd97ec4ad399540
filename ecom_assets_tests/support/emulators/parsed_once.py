"""Emulators that translate SQL with sqlglot parse each statement several times, which is most of what they do."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlglot import Dialect

_parse = Dialect.parse


def parse_once() -> None:
    """Let sqlglot parse a text once in this process, and copy the answer."""
    Dialect.parse = _copied  # type: ignore[assignment, method-assign]


@lru_cache(2_000)
def _parsed(dialect: type[Dialect], sql: str, options: tuple[tuple[str, Any], ...]) -> list[Any]:
    return list(_parse(dialect(), sql, **dict(options)))


def _copied(dialect: Dialect, sql: str, **options: Any) -> list[Any]:
    trees = _parsed(type(dialect), sql, tuple(sorted(options.items())))
    return [tree and tree.copy() for tree in trees]
