"""How rows get into a table of Databricks: by INSERT, with the rows of a statement as one text of JSON.

Each value is a text that is cast. Files in a volume with COPY INTO would be fewer statements. They need a volume with
rights of its own, keep what a killed load has uploaded, and Databricks reads no times of the day from Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from sqlglot import exp

from ecom_assets.warehouse.databricks.types import JSON, TIME
from ecom_assets.warehouse.remote.json_texts import json_text
from ecom_assets.warehouse.remote.text_batches import text_batches

MOST_BYTES = 900_000
"""Of the rows of one statement. All parameters of a statement together have at most 1 MB (the driver's README)."""
BATCH_ROWS = 10_000


def insert_statements(
    table: str, rows: pa.Table, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield statements that insert rows, each with its parameters: one, or none for a row that is too large for that.

    Args:
        table: The table in SQL.
        rows: The rows.
        types: Databricks' type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    names = rows.column_names
    values = ", ".join(_value(number, types[name]) for number, name in enumerate(names))
    listed = ", ".join(quoted(name) for name in names)

    def statement(texts: Sequence[str]) -> tuple[str, Sequence[str]]:
        text = f"[{','.join(texts)}]"
        is_large = len(text.encode()) > MOST_BYTES
        given = exp.Literal.string(text).sql(dialect="databricks") if is_large else "?"
        return (
            f"insert into {table} ({listed}) select {values} "
            f"from (select explode(from_json({given}, 'array<array<string>>')) as r) as ecom_rows",
            [] if is_large else [text],
        )

    texts = (
        json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        for batch in rows.to_batches(max_chunksize=BATCH_ROWS)
        for row in zip(
            *([json_text(value) for value in column.to_pylist()] for column in batch.columns), strict=True
        )
    )
    yield from map(statement, text_batches(texts, MOST_BYTES - 2))


def _value(number: int, kind: str) -> str:
    """Return the SQL of a text of a row as a value of a type."""
    text = f"r[{number}]"
    if kind in ("STRING", JSON, TIME):
        return text
    return f"unbase64({text})" if kind == "BINARY" else f"cast({text} as {kind})"
