"""The warehouse as the rest of the project knows it: where a load is put, alone and in one step, and read again.

What that takes on an engine is `duckdb_warehouse`'s and `postgres_warehouse`'s; which one it is, `chosen_warehouse`'s.
SQL is written once, in what the engines have in common, with `?` for parameters.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa
from dlt.common.destination import Destination

from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.foundation.progress import OnProgress

DEFAULT_LOCK_TIMEOUT = 300.0
"""Seconds to wait for a warehouse that somebody else holds."""


class QueryResult(Protocol):
    """What an engine answers to a query, as the Python database API has it."""

    @property
    def description(self) -> Sequence[Any] | None:
        """A tuple per column, its name first."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""


class Transaction(ABC):
    """An open connection to a warehouse, in a transaction that its guard begins and ends."""

    errors: tuple[type[Exception], ...]
    """What the engine raises."""
    columns_query: str
    """SQL for table, column and type of all columns of a dataset, its one parameter, in their order."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> QueryResult:
        """Run a statement. Raises one of `errors`."""

    @abstractmethod
    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement that writes, and return the number of rows that it wrote."""

    @abstractmethod
    def arrow(self, sql: str) -> pa.Table:
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
    def visible(self, name: str, table: pa.Table, like: str | None = None) -> AbstractContextManager[None]:
        """Let SQL see an Arrow table under a name until the end of the block.

        `like` is a table of the warehouse, as SQL names it, whose types the columns get; else they get their own.
        """

    def index(  # noqa: B027  # most engines find rows by what they know of the values in each block of a table
        self, dataset: str, keys: Mapping[str, Sequence[Sequence[str]]]
    ) -> None:
        """Let the rows of tables be found by columns without reading all of them, where the engine needs help.

        `keys` are, by table, the columns of each way to look for rows. Tables that are not there yet are left out.
        """

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the only value that a query answers with."""
        return self.execute(sql, parameters).fetchall()[0][0]


class Warehouse(ABC):
    """Where the shops' datasets are. Nothing is opened before it is needed."""

    name: str
    """What messages call it, without a secret."""
    kind: str
    """The engine, as Dagster's UI knows it."""
    lock_timeout: float
    """Seconds to wait for somebody else who loads."""
    errors: tuple[type[Exception], ...]
    """What the engine raises."""

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.name

    @property
    @abstractmethod
    def uri(self) -> str:
        """Return its address, without a secret."""

    @abstractmethod
    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a shop whose dataset cannot be in it."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is anything to read; False before the first load into a file."""

    @abstractmethod
    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction` and `read`."""

    @abstractmethod
    def transaction(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> AbstractContextManager[Transaction]:
        """Load into a dataset alone, and do everything in one transaction: all of it is kept, or nothing.

        Raises WarehouseError when that cannot be had within the lock's timeout; NotPublished when everything
        is kept and only a copy could not be made.
        """

    @abstractmethod
    def read(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> AbstractContextManager[Transaction]:
        """Open the warehouse for reading, with `dataset` as the schema of unqualified names.

        Raises WarehouseError when it is not there, cannot be had in time, or turns out to be broken.
        """


_ADDED = re.compile(r"Stack Trace:|\n(?:DETAIL|CONTEXT|LINE \d+): ")


def one_line(error: BaseException) -> str:
    """Return an error's text without line breaks, and without what an engine adds: its stack, or a row's values."""
    return " ".join(_ADDED.split(str(error))[0].split())
