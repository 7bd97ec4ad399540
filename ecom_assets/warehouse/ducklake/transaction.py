"""The Transaction of a lake."""

from __future__ import annotations

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction
from ecom_assets.warehouse.transaction import Transaction


class DuckLakeTransaction(DuckDbTransaction):
    """A transaction on a DuckDB connection that uses a lake. DuckDB gives a lake nearly the SQL that a file has."""

    rewrite_column = Transaction.rewrite_column
    drop_column = Transaction.drop_column
    """A lake can do without a copy of the whole table."""

    def change_type(self, dataset: str, table: str, before: Column, after: Column) -> None:
        """Give a column a wider type by a copy of it, because a lake only widens numbers.

        The column comes last then, and has no NOT NULL any more: a lake refuses to set that in the transaction that
        fills the column. The contract still rejects a record without the value.
        """
        self.rewrite_column(dataset, table, after, self.converted(before, after))
