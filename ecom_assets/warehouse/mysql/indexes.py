"""Indexes on the keys by which a load finds rows. `ecom_assets.load.row_keys` decides which keys these are.

They are not unique: duplicate keys are found by the asset checks, and do not fail a load. Temporary tables have them,
too, because MariaDB compares texts without an index one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

INDEXES_QUERY = (
    "select table_name, index_name, seq_in_index, column_name from information_schema.statistics "
    "where table_schema = database()"
)
"""A query for the columns of the indexes of the dataset, in MariaDB's own words."""

_PREFIX = "ecom."
"""Begins the names of our indexes. Tables and columns of a declaration or of dlt have no dot in their names."""
_MOST_CHARACTERS = 700
"""The beginnings of all texts of an index together. The server takes 3,072 bytes, and a character has up to four."""
_MOST_COLUMNS = 16
_SECONDS = 5
"""How long a statement waits for whoever has the table open. Then the next load makes the index."""


def create_statement(table: str, columns: Sequence[str], listed: str, quoted: Callable[[str], str]) -> str:
    """Return the statement that makes an index.

    Args:
        table: The table in SQL.
        columns: The columns of the index.
        listed: The same, as `listed_columns` returns them.
        quoted: Returns an identifier as SQL quotes it.
    """
    name = quoted(_PREFIX + hashlib.sha256(".".join(columns).encode()).hexdigest()[:12])
    waiting = f"set statement lock_wait_timeout = {_SECONDS}"
    return f"{waiting} for create index if not exists {name} on {table} {listed}"


def listed_columns(columns: Sequence[str], types: Mapping[str, str], quoted: Callable[[str], str]) -> str:
    """Return the columns of an index in SQL: of texts their beginnings.

    Args:
        columns: The columns.
        types: MariaDB's type of each column of the table.
        quoted: Returns an identifier as SQL quotes it.
    """
    kept = columns[:_MOST_COLUMNS]
    long = [column for column in kept if types[column].startswith("long")]
    size = f"({_MOST_CHARACTERS // len(long)})" if long else ""
    return f"({', '.join(quoted(column) + (size if column in long else '') for column in kept)})"


def missing_keys(
    keys: Iterable[Sequence[str]], present: Collection[Sequence[str]]
) -> Iterator[Sequence[str]]:
    """Yield the keys with whose columns no index begins."""
    for columns in keys:
        if not any(set(columns) == set(index[: len(columns)]) for index in present):
            yield columns


def keys_within(keys: Iterable[Sequence[str]], columns: Container[str]) -> Iterator[tuple[str, ...]]:
    """Yield the beginnings of keys that consist of some columns, each once."""
    found = {tuple(takewhile(lambda name: name in columns, key)) for key in keys}
    yield from sorted(found - {()})
