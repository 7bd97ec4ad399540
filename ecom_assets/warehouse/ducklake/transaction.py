"""The Transaction of a lake."""

from __future__ import annotations

from ecom_assets.declaration.reading import Column
from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction

_COPY = "ecom_wider"
"""The name of a column while it is copied. No declared column can have it: a load drops the column at once."""


class DuckLakeTransaction(DuckDbTransaction):
    """A transaction on a DuckDB connection that uses a lake. DuckDB gives a lake nearly the SQL that a file has."""

    def change_type(self, dataset: str, table: str, before: Column, after: Column) -> None:
        """Give a column a wider type by a copy of it, because a lake only widens numbers.

        The column comes last then, and has no NOT NULL any more: a lake refuses to set that in the transaction that
        fills the column. The contract still rejects a record without the value.
        """
        name = f'"{dataset}"."{table}"'
        self.execute(f"alter table {name} add column {_COPY} {self.type_of(after)}")
        self.execute(f"update {name} set {_COPY} = {self.converted(before, after)}")
        self.execute(f'alter table {name} drop column "{after.name}"')
        self.execute(f'alter table {name} rename column {_COPY} to "{after.name}"')
