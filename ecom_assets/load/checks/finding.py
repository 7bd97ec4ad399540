"""What an asset check finds, and the table that it examines in an open warehouse.

See `ecom_assets.load.checks.table` and `ecom_assets.load.checks.ledger` for the checks themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, TypeAlias, TypeVar

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.windows import Window
from ecom_assets.warehouse.transaction import Transaction

Answer = TypeVar("Answer")

SAMPLE_ROWS = 5
"""How many offending rows a finding shows at most."""


@dataclass(frozen=True)
class Finding:
    """The result of a check: whether the table passed, one line that says so, and the evidence.

    `figures` are counts by name, `sample` the first offending rows, `sql` the queries that ran. `is_warning` says that
    nothing confirms the table, which is no error.
    """

    passed: bool
    description: str
    figures: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Mapping[str, Any], ...] = ()
    sql: str = ""
    is_warning: bool = False


class UnanswerableError(Exception):
    """A check cannot be made, because a table or a column is missing; the message says which."""


@dataclass(frozen=True)
class CheckedTable:
    """The table of a resource that checks examine, in an open warehouse.

    `windows` are the windows to examine in the ledger; None is every window that was ever loaded. `answers` are answers
    of the warehouse that several checks of the table share.
    """

    transaction: Transaction
    shop: Shop
    resource: Resource
    windows: Collection[Window] | None = None
    answers: dict[str, Any] = field(default_factory=dict, compare=False)

    def of_windows(self, windows: Collection[Window]) -> CheckedTable:
        """Return the same table, to examine these windows."""
        return replace(self, windows=windows)

    def remembered(self, name: str, ask: Callable[[], Answer]) -> Answer:
        """Return an answer of the warehouse, and ask for it only once."""
        if name not in self.answers:
            self.answers[name] = ask()
        answer: Answer = self.answers[name]
        return answer

    def columns_of(self, table: str, asset: str | None = None) -> Mapping[str, str]:
        """Return the types of a table's columns by name.

        Args:
            table: The table's name.
            asset: The resource whose load creates the table, by default the one of the table's name.

        Raises:
            UnanswerableError: The table does not exist.
        """
        columns = self.transaction.columns_of(self.shop.name).get(table)
        if not columns:
            first = f"{self.shop.name}/{asset or table}"
            raise UnanswerableError(
                f"the table {self.shop.name}.{table} does not exist: materialise {first} first"
            )
        return columns

    def require_columns(self, table: str, *names: str) -> None:
        """Raise UnanswerableError unless a table exists and has these columns."""
        missing = [name for name in names if name not in self.columns_of(table)]
        if missing:
            raise UnanswerableError(f"{self.shop.name}.{table} has no column {', '.join(missing)}")

    def query(self, sql: str, *parameters: Any) -> tuple[dict[str, Any], ...]:
        """Return the rows that a query answers with, each as a dict by column."""
        cursor = self.transaction.execute(sql, parameters)
        names = [entry[0] for entry in cursor.description or ()]
        return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

    def quoted(self, table: str) -> str:
        """Return a table's qualified and quoted name."""
        return f'"{self.shop.name}"."{table}"'


def runnable_sql(sql: str, *parameters: Any) -> str:
    """Return a query with its parameters written into it, so that a person can run it."""
    parts = zip_longest(sql.split("?"), map(_literal, parameters), fillvalue="")
    return "".join(f"{text}{literal}" for text, literal in parts)


def _literal(value: Any) -> str:
    """Return a value as all engines write it in SQL."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"timestamp with time zone '{value.isoformat(sep=' ')}'"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


Query: TypeAlias = Callable[[CheckedTable], Finding]
"""A check: it examines a table and returns what it finds."""


def examine(query: Query, checked: CheckedTable) -> Finding:
    """Return what a check finds. A check that cannot be made is a failed finding too, never an exception."""
    try:
        checked.columns_of(checked.resource.name)
        return query(checked)
    except UnanswerableError as problem:
        return Finding(passed=False, description=str(problem))
    except checked.transaction.driver_errors as error:
        return Finding(
            passed=False, description=f"the warehouse did not answer: {str(error).splitlines()[0]}"
        )
