"""A table of the warehouse and the rows that a run has staged for it, as SQL names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.load.staged_rows import staged_name
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class StagedTable:
    """The table of a resource, and the rows that a run staged for it, in the transaction of a load.

    `staged_columns` are the columns of the staged rows. Another load may have added some to the table.
    """

    transaction: Transaction
    shop: Shop
    resource: Resource
    staged_columns: tuple[str, ...]

    @property
    def table(self) -> str:
        """Return the table's name in SQL."""
        return f'"{self.shop.name}"."{self.resource.name}"'

    @property
    def staged(self) -> str:
        """Return the name in SQL of the table with the staged rows."""
        return f'"{staged_name(self.resource.name)}"'

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the table's columns."""
        return tuple(self.transaction.columns_of(self.shop.name)[self.resource.name])

    def distinct_rows(self, key: Sequence[str]) -> str:
        """Return the SQL of a query for the staged rows, of equal keys the row with the greatest cursor only."""
        cursor = self.resource.cursor
        order = f'order by "{cursor.name}" desc' if cursor else ""
        return (
            f"select {names(self.staged_columns)} from (select *, row_number() over "
            f"(partition by {names(key)} {order}) as ecom_copy from {self.staged}) as numbered where ecom_copy = 1"
        )


def names(columns: Sequence[str], table: str = "") -> str:
    """Return columns as a list in SQL, those of a table if one is named."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{column}"' for column in columns)


def same(columns: Sequence[str], left: str, right: str) -> str:
    """Return the SQL condition that the rows of two tables have equal values in columns that are never null."""
    return " and ".join(f'{left}."{column}" = {right}."{column}"' for column in columns)


@contextmanager
def temporary_query(transaction: Transaction, name: str, query: str) -> Iterator[None]:
    """Keep the answer of a query in a temporary table until the end of the block.

    Args:
        transaction: The transaction of the load.
        name: The table's name.
        query: The query.
    """
    transaction.execute(f"create temporary table {name} as {query}")
    # without statistics, PostgreSQL assumes that few rows match
    transaction.execute(f"analyze {name}")
    yield
    transaction.execute(f"drop table {name}")
