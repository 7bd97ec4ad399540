"""Checksums of a table's rows, to compare a table of one engine with that of another one.

Both sides come as Arrow tables of the same types. A checksum does not depend on the order of the rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from typing_extensions import Self


class Checksum(AbstractContextManager["Checksum"]):
    """Counts and sums of the rows that are added: of each column, and of whole rows."""

    def __init__(self, json_columns: Collection[str] = ()) -> None:
        """Begin without rows. The texts of `json_columns` are compared as JSON, whatever their spaces and order."""
        self.rows = 0
        self.counts: dict[str, int] = {}
        self.sums: dict[str, int] = {}
        self._json = json_columns
        self._connection = duckdb.connect()
        self._connection.execute("set TimeZone = 'UTC'")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the database in memory that computes the sums."""
        self._connection.close()

    def add(self, rows: pa.Table) -> None:
        """Add rows."""
        if not rows.num_rows:
            return
        for name in self._json:
            texts = [None if text is None else _canonical(text) for text in rows[name].to_pylist()]
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(texts, pa.string()))
        names = rows.column_names
        plain = rows.rename_columns([f"c{number}" for number in range(len(names))])
        columns = ", ".join(f"count({column}), sum(hash({column})::hugeint)" for column in plain.column_names)
        whole = f"sum(hash(row({', '.join(plain.column_names)}))::hugeint)"
        self._connection.register("ecom_rows", plain)
        found = self._connection.execute(f"select {whole}, {columns} from ecom_rows").fetchall()[0]
        self._connection.unregister("ecom_rows")
        self.rows += rows.num_rows
        self.sums["*"] = self.sums.get("*", 0) + int(found[0])
        for number, name in enumerate(names):
            self.counts[name] = self.counts.get(name, 0) + found[1 + 2 * number]
            self.sums[name] = self.sums.get(name, 0) + int(found[2 + 2 * number])

    def differences(self, other: Checksum) -> list[str]:
        """Return how another checksum differs, in words; nothing if both are of the same rows."""
        if self.rows != other.rows:
            return [f"{other.rows:,} rows instead of {self.rows:,}"]
        found = []
        for name, count in self.counts.items():
            if count != other.counts.get(name):
                found.append(f"{name} has {other.counts.get(name)} values instead of {count}")
            elif self.sums[name] != other.sums.get(name):
                found.append(f"{name} has other values")
        if not found and self.sums != other.sums:
            found.append("values are in other rows")
        return found


def _canonical(text: str) -> str:
    """Return JSON with sorted keys and numbers in one form, so that equal values have equal texts."""
    return json.dumps(_ordered(json.loads(text, parse_float=Decimal, parse_int=Decimal)), sort_keys=True)


def _ordered(value: Any) -> Any:
    if isinstance(value, Decimal):
        # a list, so that a number is not equal to a text with the same digits
        return [None, f"{value.normalize():e}" if value else "0"]
    if isinstance(value, dict):
        return {name: _ordered(entry) for name, entry in value.items()}
    return [_ordered(entry) for entry in value] if isinstance(value, list) else value
