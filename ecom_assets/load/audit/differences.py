"""The differences between the rows that an audit has read and those that a table holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

EXAMPLES = 3
"""How many keys a difference names of each kind."""

Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """One row in comparable values: what it is found by, what it says, and whether it counts as deleted.

    `version` is the cursor, None for a row without one. `values` are those of the compared columns, by name.
    """

    key: Key
    values: Mapping[str, Hashable]
    version: Any = None
    deleted: bool = False

    @property
    def digest(self) -> Hashable:
        """Return what equal rows share."""
        return (self.key, self.deleted, tuple(self.values.items()))


@dataclass
class Differences:
    """What an audit found in one window of a table, or in a table as a whole.

    Attributes:
        compared: How many rows were read.
        missing: The keys of rows that the API has and the table lacks.
        stale: The keys of rows that the table has in another state.
        surplus: The keys of rows that the table has and the API does not.
        columns: How many of the stale rows differ in each column.
        moved: How many rows other loads changed while the audit read, so that they were not compared.
    """

    compared: int = 0
    missing: list[Key] = field(default_factory=list)
    stale: list[Key] = field(default_factory=list)
    surplus: list[Key] = field(default_factory=list)
    columns: Counter[str] = field(default_factory=Counter)
    moved: int = 0

    @property
    def count(self) -> int:
        """Return how many rows differ."""
        return len(self.missing) + len(self.stale) + len(self.surplus)

    def add(self, other: Differences) -> None:
        """Add the differences of another part of the table."""
        self.compared += other.compared
        self.missing += other.missing
        self.stale += other.stale
        self.surplus += other.surplus
        self.columns += other.columns
        self.moved += other.moved


def by_key(rows: Iterable[Row]) -> dict[Key, Row]:
    """Return rows by their key. Of equal keys the row with the latest version counts, as in a load."""
    found: dict[Key, Row] = {}
    for row in rows:
        known = found.get(row.key)
        if (
            known is None
            or known.version is None
            or (row.version is not None and row.version >= known.version)
        ):
            found[row.key] = row
    return found


def compare_keyed(
    read: Mapping[Key, Row],
    stored: Mapping[Key, Row],
    *,
    version: str | None = None,
    keys_only: bool = False,
    loads_meanwhile: bool = False,
) -> Differences:
    """Compare rows that have a primary key.

    Args:
        read: The rows that were read.
        stored: The rows of the table, those of all keys that were read among them.
        version: The column with the version, to name it.
        keys_only: Whether a key that is in the table is enough, because no load changes a row.
        loads_meanwhile: Whether other loads wrote the table during the audit. Then a later version is theirs.

    Returns:
        The differences. `surplus` are all stored keys that are not deleted and were not read.
    """
    found = Differences(compared=len(read))
    for key, row in read.items():
        other = stored.get(key)
        if other is None:
            found.missing.append(key)
        elif keys_only:
            continue
        elif version is not None and other.version != row.version:
            if loads_meanwhile and other.version > row.version:
                found.moved += 1
                continue
            found.stale.append(key)
            found.columns[version] += 1
        elif columns := _different_columns(row, other):
            found.stale.append(key)
            found.columns.update(columns)
    found.surplus = [key for key, row in stored.items() if key not in read and not row.deleted]
    return found


def compare_counted(read: Sequence[Row], stored: Sequence[Row]) -> Differences:
    """Compare rows that have no primary key: how often each one is there."""
    came, there = (
        Counter(row.digest for row in read),
        Counter(row.digest for row in stored if not row.deleted),
    )
    found = Differences(compared=len(read))
    found.missing = [() for _ in range((came - there).total())]
    found.surplus = [() for _ in range((there - came).total())]
    return found


def _different_columns(row: Row, other: Row) -> Collection[str]:
    """Return the columns in which two rows of one key differ; `deleted_at` if one of them is marked as deleted."""
    columns = [name for name, value in row.values.items() if not _equal(value, other.values.get(name))]
    return [*columns, "deleted_at"] if row.deleted != other.deleted else columns


def _equal(value: Hashable, other: Hashable) -> bool:
    """Tell whether two values are equal. A column that became a text holds the texts of its former values."""
    if value == other:
        return True
    return (
        isinstance(value, str) != isinstance(other, str)
        and None not in (value, other)
        and str(value) == str(other)
    )
