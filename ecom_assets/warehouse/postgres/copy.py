"""Writing Arrow tables into PostgreSQL by COPY, in its text format, which is fast and exact for every value.

CSV is not used, because there an empty text is read as null, and a line with only `\\.` ends the data.

PostgreSQL cannot store the character U+0000. It is replaced by U+FFFD, so that one record does not prevent the load of
the others.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.declaration.column_types import COLUMN_TYPES, types_by_arrow_type
from ecom_assets.warehouse.postgres.identifiers import quote_identifier

_BATCH_ROWS = 50_000
"""Rows that are turned into text at once."""
_ESCAPED_ZERO = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The character U+0000 as JSON writes it, after an even number of backslashes."""
_REPLACEMENTS = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))

_TYPES: Mapping[pa.DataType, str] = {
    **{arrow_type: COLUMN_TYPES[name].postgres for arrow_type, name in types_by_arrow_type().items()},
    pa.string(): "text",
    pa.large_string(): "text",
    pa.null(): "text",
}


def copy_rows(cursor: Any, table: str, rows: pa.Table, json: Collection[str] = ()) -> None:
    """Append rows to a table in one statement.

    Args:
        cursor: A cursor of psycopg2.
        table: The table, as SQL names it.
        rows: The rows, with the names of the table's columns.
        json: The columns whose texts are JSON.
    """
    rows, _ = without_zero(rows, json)
    names = ", ".join(quote_identifier(name) for name in rows.column_names)
    cursor.copy_expert(f"copy {table} ({names}) from stdin", _CopyStream(rows))


def without_zero(rows: pa.Table, json: Collection[str]) -> tuple[pa.Table, int]:
    """Return rows with U+FFFD for the character U+0000, and how many values have it.

    Args:
        rows: The rows.
        json: The columns whose texts are JSON, where it is escaped.
    """
    count = 0
    for position, name in enumerate(rows.column_names):
        kind = rows.schema.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            continue
        found = pc.match_substring(rows[name], "\\u0000" if name in json else "\0")
        if not pc.any(found).as_py():
            continue
        before = rows[name].to_pylist()
        after = [
            text and (_ESCAPED_ZERO.sub(r"\1\\ufffd", text) if name in json else text.replace("\0", "\ufffd"))
            for text in before
        ]
        count += sum(old != new for old, new in zip(before, after, strict=True))
        rows = rows.set_column(position, name, pa.array(after, kind))
    return rows, count


def sql_type(arrow_type: pa.DataType) -> str:
    """Return the PostgreSQL type that holds every value of an Arrow type exactly."""
    if pa.types.is_decimal(arrow_type):
        return COLUMN_TYPES["decimal"].postgres.format(precision=arrow_type.precision, scale=arrow_type.scale)
    return _TYPES[arrow_type]


class _CopyStream(io.RawIOBase):
    """A file to read the rows of a table from, in COPY's format. The text is made as it is read."""

    def __init__(self, rows: pa.Table) -> None:
        self._batches = iter(rows.to_batches(max_chunksize=_BATCH_ROWS))
        self._text = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._text:
            batch = next(self._batches, None)
            if batch is None:
                return 0
            self._text = memoryview(_copy_lines(batch))
        size = min(len(target), len(self._text))
        target[:size] = self._text[:size]
        self._text = self._text[size:]
        return size


def _copy_lines(batch: pa.RecordBatch) -> bytes:
    """Return a line for each row, with tabs between the values."""
    if not batch.num_rows:
        return b""
    values = [_copy_texts(column) for column in batch.columns]
    null: dict[str, Any] = {"null_handling": "replace", "null_replacement": "\\N"}
    lines = pc.binary_join_element_wise(*values, pa.scalar("\t", pa.large_string()), **null)
    return "\n".join([*lines.to_pylist(), ""]).encode()


def _copy_texts(values: pa.Array) -> pa.Array:
    """Return each value as the text that COPY reads."""
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        hexes = [None if value is None else f"\\\\x{value.hex()}" for value in values.to_pylist()]
        return pa.array(hexes, pa.large_string())
    texts = values.cast(pa.large_string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for found, replacement in _REPLACEMENTS:
            texts = pc.replace_substring(texts, found, replacement)
    return texts
