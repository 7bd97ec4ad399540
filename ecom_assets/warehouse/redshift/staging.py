"""How rows get into a table of Redshift: by INSERT, many rows a statement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.warehouse.errors import ValueNotStored
from ecom_assets.warehouse.redshift.literals import json_literal, literal
from ecom_assets.warehouse.redshift.types import JSON, MOST_BYTES
from ecom_assets.warehouse.remote.text_batches import text_batches

_BATCH_ROWS = 10_000
_MOST_STATEMENT_BYTES = 4_000_000
"""Of one statement, if it has more than one row. Redshift takes 16 MB, and the planner slows down before that."""


def insert_statements(
    table: str, rows: pa.Table, types: Mapping[str, str], quoted: Callable[[str], str]
) -> Iterator[str]:
    """Yield statements that insert rows.

    Args:
        table: The table in SQL.
        rows: The rows.
        types: Redshift's type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    names = rows.column_names
    write = [json_literal if types[name] == JSON else literal for name in names]
    start = f"insert into {table} ({', '.join(quoted(name) for name in names)}) values "
    texts = (
        f"({', '.join(write[place](value) for place, value in enumerate(row))})"
        for batch in rows.to_batches(max_chunksize=_BATCH_ROWS)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    for listed in text_batches(texts, _MOST_STATEMENT_BYTES, _BATCH_ROWS):
        yield start + ",".join(listed)


def refuse_long_values(table: str, rows: pa.Table) -> None:
    """Raise ValueNotStored for a value that is too long for Redshift.

    Args:
        table: The name of the table in the message.
        rows: The rows.
    """
    for name in rows.column_names:
        column = rows[name]
        is_text = _is_text(column.type)
        if not is_text and not pa.types.is_binary(column.type):
            continue
        longest: Any = pc.max(pc.binary_length(column)).as_py()
        # a binary value is written in hexadecimal digits
        length = (longest or 0) * (1 if is_text else 2)
        if length > MOST_BYTES:
            raise ValueNotStored(
                table,
                f"the column {name} has a value of {length:,} bytes, and Redshift stores at most {MOST_BYTES:,} of a "
                "text, of JSON, and of the hexadecimal digits of a binary value: leave the field out, or load into "
                "another warehouse",
            )


def columns_with_trailing_blanks(rows: pa.Table) -> set[str]:
    """Return the columns with a text that ends with a blank, which Redshift ignores when it compares texts."""
    texts = [name for name in rows.column_names if _is_text(rows.schema.field(name).type)]
    return {name for name in texts if pc.any(pc.ends_with(rows[name], " ")).as_py()}


def refuse_blanks(table: str, columns: Collection[str], key: Collection[str]) -> None:
    """Raise ValueNotStored if a key has texts that Redshift would take for others.

    Args:
        table: The name of the table in the message.
        columns: The columns with a text that ends with a blank.
        key: The columns by which rows are found.
    """
    if found := set(columns) & set(key):
        raise ValueNotStored(
            table,
            f"the column {min(found)}, by which rows are found, has a text with a blank at its end, and Redshift takes "
            "it for the same as the text without the blank: remove the blanks with a processing step, or load into "
            "another warehouse",
        )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
