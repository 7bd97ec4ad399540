"""Arrow tables into PostgreSQL by COPY, in its text format: exact for every value, and as fast as it gets.

An empty text is not a null there, and a lone `\\.` in a text ends nothing, which both differ in CSV. One character
there is that PostgreSQL cannot hold, that of number zero: in its place stands U+FFFD, so that no record keeps the
others out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.declaration.column_types import COLUMN_TYPES, types_by_arrow_type

_ROWS = 50_000
"""Rows that are turned into text at once."""
_ZERO_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_ESCAPES = (("\0", "\ufffd"), ("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))

_TYPES: Mapping[pa.DataType, str] = {
    **{arrow_type: COLUMN_TYPES[name].postgres for arrow_type, name in types_by_arrow_type().items()},
    pa.string(): "text",
    pa.large_string(): "text",
    pa.null(): "text",
}


def copy_in(cursor: Any, table: str, rows: pa.Table, json: Collection[str] = ()) -> None:
    """Append rows to a table, as SQL names it, in one statement; `json` are the columns whose texts are JSON."""
    for name in set(json) & set(rows.column_names):
        if pc.any(pc.match_substring(rows[name], "\\u0000")).as_py():
            texts = [text and _ZERO_IN_JSON.sub(r"\1\\ufffd", text) for text in rows[name].to_pylist()]
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, pa.array(texts, rows[name].type))
    names = ", ".join(quoted(name) for name in rows.column_names)
    cursor.copy_expert(f"copy {table} ({names}) from stdin", _Lines(rows))


def sql_type(kind: pa.DataType) -> str:
    """Return the type of a column that holds every value of an Arrow type exactly."""
    if pa.types.is_decimal(kind):
        return COLUMN_TYPES["decimal"].postgres.format(precision=kind.precision, scale=kind.scale)
    return _TYPES[kind]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


class _Lines(io.RawIOBase):
    """The lines of a table, made as they are read."""

    def __init__(self, rows: pa.Table) -> None:
        self._batches = iter(rows.to_batches(max_chunksize=_ROWS))
        self._text = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._text:
            batch = next(self._batches, None)
            if batch is None:
                return 0
            self._text = memoryview(_lines(batch))
        size = min(len(target), len(self._text))
        target[:size] = self._text[:size]
        self._text = self._text[size:]
        return size


def _lines(batch: pa.RecordBatch) -> bytes:
    """Return a line per row, the values parted by tabs."""
    if not batch.num_rows:
        return b""
    values = [_texts(column) for column in batch.columns]
    null: dict[str, Any] = {"null_handling": "replace", "null_replacement": "\\N"}
    lines = pc.binary_join_element_wise(*values, pa.scalar("\t", pa.large_string()), **null)
    return "\n".join([*lines.to_pylist(), ""]).encode()


def _texts(values: pa.Array) -> pa.Array:
    """Return values as PostgreSQL reads them."""
    kind = values.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        hexes = [None if value is None else f"\\\\x{value.hex()}" for value in values.to_pylist()]
        return pa.array(hexes, pa.large_string())
    texts = values.cast(pa.large_string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for found, written in _ESCAPES:
            texts = pc.replace_substring(texts, found, written)
    return texts
