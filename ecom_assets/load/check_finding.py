"""What a check finds, and the table that it examines, on an open connection to the warehouse.

The questions themselves are in `check_queries` and `ledger_queries`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.warehouse.transaction import Transaction

SAMPLE = 5
"""How many offending rows a finding shows."""


@dataclass(frozen=True)
class Finding:
    """Whether a table passed, one line that says so, figures by name, offending rows, the SQL that ran."""

    passed: bool
    description: str
    figures: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Mapping[str, Any], ...] = ()
    sql: str = ""


class UnanswerableError(Exception):
    """A query cannot be asked, because a table or a column is missing; the message says which."""


@dataclass(frozen=True)
class Subject:
    """A table under examination, on an open connection.

    `windows` are the partition keys to examine in the ledger; None is every one that was ever loaded.
    """

    connection: Transaction
    shop: Shop
    resource: Resource
    windows: Collection[str] | None = None

    def columns(self, table: str, asset: str | None = None) -> dict[str, str]:
        """Return a table's column types by name; raises UnanswerableError when there is no such table."""
        found = self.connection.columns_of(self.shop.name).get(table)
        if not found:
            first = f"{self.shop.name}/{asset or table}"
            raise UnanswerableError(
                f"the table {self.shop.name}.{table} does not exist: materialise {first} first"
            )
        return found

    def require(self, table: str, *names: str) -> None:
        """Raise UnanswerableError unless a table is there with these columns."""
        missing = [name for name in names if name not in self.columns(table)]
        if missing:
            raise UnanswerableError(f"{self.shop.name}.{table} has no column {', '.join(missing)}")

    def rows(self, sql: str, *parameters: Any) -> tuple[dict[str, Any], ...]:
        """Return the answer to a query as dicts."""
        cursor = self.connection.execute(sql, parameters)
        names = [entry[0] for entry in cursor.description or ()]
        return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    def table(self, name: str) -> str:
        """Return a table's qualified and quoted name."""
        return f'"{self.shop.name}"."{name}"'


Query: TypeAlias = Callable[[Subject], Finding]
"""A question about a table."""


def examine(query: Query, subject: Subject) -> Finding:
    """Return what a query finds; what keeps it from being asked is a finding too, never an exception."""
    try:
        subject.columns(subject.resource.name)
        return query(subject)
    except UnanswerableError as problem:
        return Finding(passed=False, description=str(problem))
    except subject.connection.driver_errors as error:
        return Finding(
            passed=False, description=f"the warehouse did not answer: {str(error).splitlines()[0]}"
        )
