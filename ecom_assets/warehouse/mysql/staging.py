"""How rows get into a table of MariaDB: by INSERT, many rows a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

_BATCH_ROWS = 5_000
_MOST_CHARACTERS = 1_000_000
"""Of one statement, if it has more than one row. The server takes 16 MiB, unless it is configured otherwise."""


def insert_statements(
    table: str, rows: pa.Table, quoted: Callable[[str], str], literal: Callable[[Any], str]
) -> Iterator[str]:
    """Yield statements that insert rows.

    Args:
        table: The table in SQL.
        rows: The rows.
        quoted: Returns an identifier as SQL quotes it.
        literal: Returns a value as SQL writes it.
    """
    start = f"insert into {table} ({', '.join(quoted(name) for name in rows.column_names)}) values "
    texts: list[str] = []
    size = 0
    for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            text = f"({', '.join(literal(value) for value in row)})"
            if texts and size + len(text) > _MOST_CHARACTERS:
                yield start + ",".join(texts)
                texts, size = [], 0
            texts.append(text)
            size += len(text)
    if texts:
        yield start + ",".join(texts)
