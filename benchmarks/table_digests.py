"""Digests of tables: the row count and a checksum of key columns, from the records and from a DuckDB file.

The checksum is the sum of a hash of each row, so neither the order of rows nor the names of columns matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson

from benchmarks.data import RESOURCES, Rows

TABLES = ("customers", "products", "orders", "order_items")

KEY_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "customers": {"id": "bigint", "email": "varchar", "updated_at": "timestamptz"},
    "products": {"id": "bigint", "price": "decimal(18, 4)", "updated_at": "timestamptz"},
    "orders": {
        "id": "bigint",
        "customer_id": "bigint",
        "total": "decimal(18, 4)",
        "city": "varchar",
        "updated_at": "timestamptz",
    },
    "order_items": {
        "order_id": "bigint",
        "id": "bigint",
        "product_id": "bigint",
        "quantity": "bigint",
        "unit_price": "decimal(18, 4)",
    },
}
"""The columns of each table that are compared, and the type to compare them as."""


@dataclass(frozen=True)
class Digest:
    """The number of a table's rows, and the sum of their hashes."""

    rows: int
    checksum: int


def expected_digests(folder: Path, start: datetime, days: int) -> dict[str, Digest]:
    """Return the digest of each table for the records of some days.

    The result is cached in a file, because many records take a while.
    """
    cache = folder / f"truth-{start:%Y%m%d}-{days}.json"
    if cache.exists():
        return {table: Digest(**digest) for table, digest in json.loads(cache.read_text()).items()}
    digests = {}
    first, end = int(start.timestamp()), int((start + timedelta(days=days)).timestamp())
    for table in TABLES:
        rows = checksum = 0
        for values in _values(folder, table, first, end):
            rows += 1
            text = "|".join("" if value is None else str(value) for value in values)
            checksum += int(hashlib.md5(text.encode()).hexdigest()[:15], 16)
        digests[table] = Digest(rows, checksum)
    cache.write_text(json.dumps({table: vars(digest) for table, digest in digests.items()}))
    return digests


def found_digests(file: Path, queries: Mapping[str, str]) -> dict[str, Digest | str]:
    """Return the digest of each table in a DuckDB file, or the reason why it cannot be read.

    `queries` select, for each table, its KEY_COLUMNS by name.
    """
    digests: dict[str, Digest | str] = {}
    if not file.exists():
        return dict.fromkeys(TABLES, "there is no file")
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, columns in KEY_COLUMNS.items():
            texts = ", ".join(_text(name, kind) for name, kind in columns.items())
            hashed = f"('0x' || substr(md5(concat_ws('|', {texts})), 1, 15))::bigint"
            try:
                row = connection.execute(
                    f"select count(*), coalesce(sum({hashed}), 0)::varchar from ({queries[table]})"
                ).fetchone()
                digests[table] = Digest(row[0], int(row[1])) if row else "no answer"
            except duckdb.Error as error:
                digests[table] = str(error).splitlines()[0]
    return digests


def differences(expected: Mapping[str, Digest], found: Mapping[str, Digest | str]) -> list[str]:
    """Return a line for each table that differs from what is expected."""
    lines = []
    for table, digest in expected.items():
        other = found[table]
        if isinstance(other, str):
            lines.append(f"{table}: {other}")
        elif other.rows != digest.rows:
            lines.append(f"{table}: {other.rows - digest.rows:+,} of {digest.rows:,} rows")
        elif other != digest:
            lines.append(f"{table}: all {digest.rows:,} rows, but other values")
    return lines


def _text(name: str, kind: str) -> str:
    """Return the SQL that writes a value as text in the same way as `expected_digests`."""
    if kind == "timestamptz":
        return f"epoch({name}::timestamptz)::bigint::varchar"
    return f"coalesce({name}::{kind}::varchar, '')"


def _values(folder: Path, table: str, first: int, end: int) -> Iterator[list[Any]]:
    """Yield the key columns of a table's rows from the records."""
    resource = "orders" if table == "order_items" else table
    assert resource in RESOURCES
    rows = Rows(folder, resource)
    low, high = rows.between(first, end)
    for position in range(low, high, 10_000):
        for record in orjson.loads(b"[%b]" % rows.text(position, min(position + 10_000, high))):
            record["updated_at"] = int(
                datetime.fromisoformat(record["updated_at"][:-1] + "+00:00").timestamp()
            )
            if table == "order_items":
                for line in record["line_items"]:
                    yield [record["id"], *(line[name] for name in list(KEY_COLUMNS[table])[1:])]
            else:
                record["city"] = (record.get("shipping_address") or {}).get("city")
                yield [record[name] for name in KEY_COLUMNS[table]]
