"""The names that SQL uses for the rows that a run has staged."""

from __future__ import annotations

_PREFIX = "ecom_read_"


def staged_name(table: str) -> str:
    """Return the name that SQL uses for the staged rows of a table."""
    return f"{_PREFIX}{table}"


def table_of(staged: str) -> str:
    """Return the table whose staged rows have a name."""
    return staged.removeprefix(_PREFIX)
