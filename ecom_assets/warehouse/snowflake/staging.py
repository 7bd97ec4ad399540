"""How rows get into a table of Snowflake: by INSERT, many rows a statement, each value as a text that is cast.

The driver would bind some types with a loss; texts keep each value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa

_MOST_VALUES = 10_000
"""Parameters of one statement."""
_MOST_ROWS = 1_000


def insert_statements(
    table: str, rows: pa.Table, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[tuple[str, list[str | None]]]:
    """Yield statements that insert rows, each with its parameters.

    Args:
        table: The table in SQL.
        rows: The rows.
        types: Snowflake's type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    names = rows.column_names
    listed = ", ".join(quoted(name) for name in names)
    columns = [f"C{number}" for number in range(len(names))]
    values = ", ".join(_cast(column, types[name]) for column, name in zip(columns, names, strict=True))
    size = max(1, min(_MOST_ROWS, _MOST_VALUES // max(1, len(names))))
    for batch in rows.to_batches(max_chunksize=size):
        texts = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
        row = f"({', '.join('?' for _ in names)})"
        yield (
            f"insert into {table} ({listed}) select {values} "
            f"from (values {', '.join([row] * batch.num_rows)}) as v ({', '.join(columns)})",
            [text for entry in zip(*texts, strict=True) for text in entry],
        )


def _cast(column: str, kind: str) -> str:
    """Return the SQL of a text as a value of a type."""
    if kind == "VARIANT":
        return f"parse_json({column})"
    if kind == "BINARY":
        return f"to_binary({column}, 'HEX')"
    return f"cast({column} as {kind})"


def _text(value: Any) -> str | None:
    """Return a value as Snowflake reads it from a text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return repr(value)
    if hasattr(value, "tzinfo") and hasattr(value, "astimezone"):
        return str(value.astimezone(timezone.utc).isoformat(" "))
    return str(value)
