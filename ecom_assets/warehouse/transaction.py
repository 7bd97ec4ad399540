"""The Transaction: how a load or a reader asks the warehouse, in SQL that all engines have in common.

SQL is written once, with `?` for parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from ecom_assets.declaration.reading import Column


class QueryResult(Protocol):
    """What an engine answers to a query, as the Python database API has it."""

    @property
    def description(self) -> Sequence[Any] | None:
        """A tuple per column, its name first."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""


class Transaction(ABC):
    """An open connection to a warehouse, in a transaction that its guard begins and ends."""

    driver_errors: tuple[type[Exception], ...]
    """What the engine raises."""
    columns_query: str
    """SQL for table, column and type of all columns of a dataset, its one parameter, in their order."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement. Raises one of `errors`."""

    @abstractmethod
    def execute_update(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement that writes, and return the number of rows that it wrote."""

    @abstractmethod
    def fetch_arrow(self, sql: str) -> pa.Table:
        """Return the answer to a query as an Arrow table, whose types are those of the columns."""

    def columns_of(self, dataset: str) -> dict[str, dict[str, str]]:
        """Return the columns of each table of a dataset, in their order, with the engine's names of their types."""
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in self.execute(self.columns_query, [dataset]).fetchall():
            found.setdefault(table, {})[column] = kind
        return found

    @abstractmethod
    def type_of(self, column: Column) -> str:
        """Return the type that a declared column has, as `columns_of` calls it."""

    @abstractmethod
    def temporary_table(
        self, name: str, table: pa.Table, like: str | None = None
    ) -> AbstractContextManager[None]:
        """Let SQL see an Arrow table under a name until the end of the block.

        `like` is a table of the warehouse, as SQL names it, whose types the columns get; else they get their own.
        """

    def create_indexes(  # noqa: B027  # most engines find rows by what they know of the values in each block of a table
        self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]
    ) -> None:
        """Let the rows of tables be found by columns without reading all of them, where the engine needs help.

        `keys` are, by table, the columns of each way to look for rows. Tables that are not there yet are left out.
        """

    def fetch_value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the only value that a query answers with."""
        return self.execute(sql, parameters).fetchall()[0][0]
