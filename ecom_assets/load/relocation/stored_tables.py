"""The tables of a dataset as they stand in a warehouse: their columns with types of this project, and NOT NULL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from ecom_assets.contract.conversion import arrow_type
from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class StoredTable:
    """One table. `columns` are in their order; `unknown` are the engine's types of columns that no load makes."""

    name: str
    columns: tuple[Column, ...]
    unknown: Mapping[str, str]

    @property
    def json(self) -> tuple[str, ...]:
        """Return the names of the columns with JSON."""
        return tuple(column.name for column in self.columns if column.data_type == "json")

    @property
    def schema(self) -> pa.Schema:
        """Return the Arrow types of the columns."""
        return pa.schema([pa.field(column.name, arrow_type(column)) for column in self.columns])

    def select(self, dataset: str) -> str:
        """Return the query for all rows."""
        listed = ", ".join(f'"{column.name}"' for column in self.columns)
        return f'select {listed} from "{dataset}"."{self.name}"'

    def create(self, transaction: Transaction, dataset: str) -> None:
        """Create a table like this one, without rows."""
        types = {column.name: transaction.type_of(column) for column in self.columns}
        required = [column.name for column in self.columns if not column.nullable]
        transaction.make_table(dataset, self.name, types, required)


def stored_tables(transaction: Transaction, shop: Shop) -> tuple[list[StoredTable], list[str]]:
    """Return the tables of a shop's dataset, and the names of what is no table there, such as a view."""
    base_tables = transaction.base_tables_of(shop.name)
    required = transaction.required_columns_of(shop.name)
    tables, others = [], []
    for table, types in transaction.columns_of(shop.name).items():
        if table not in base_tables:
            others.append(table)
            continue
        found = {name: transaction.column_of(name, kind) for name, kind in types.items()}
        columns = [
            column.model_copy(update={"nullable": (table, column.name) not in required})
            for column in found.values()
            if column is not None
        ]
        unknown = {name: types[name] for name, column in found.items() if column is None}
        tables.append(StoredTable(table, tuple(columns), unknown))
    return tables, others
