"""Identifiers of PostgreSQL, which are the names of schemas, tables, columns and indexes in SQL."""

from __future__ import annotations

MAX_IDENTIFIER_LENGTH = 63
"""Characters. PostgreSQL cuts off longer names without an error."""

MAX_COLUMNS = 1600
"""Columns of a table. PostgreSQL counts those that were dropped too."""
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that each table has already. No column can have such a name, not even in quotes."""


def quote_identifier(name: str) -> str:
    """Return a name in quotes, as SQL needs it."""
    return '"' + name.replace('"', '""') + '"'
