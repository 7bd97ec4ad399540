"""Rows as a Markdown table, for the metadata that Dagster's UI shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MAX_CELL_WIDTH = 60
"""Characters of a cell before it is cut."""


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table with a column for each key, in order of appearance; empty for no rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return ""
    cells: list[list[Any]] = [[row.get(name) for name in names] for row in rows]
    lines: list[list[Any]] = [names, ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    """Return a value on one line, cut to a readable width, with the characters escaped that would end the cell."""
    text = " ".join("" if value is None else str(value).split())
    text = text if len(text) <= _MAX_CELL_WIDTH else f"{text[: _MAX_CELL_WIDTH - 1]}…"
    return text.replace("\\", "\\\\").replace("|", "\\|")
