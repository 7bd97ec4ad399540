"""A transaction over Delta tables: DuckDB works on copies of the rows that the load says it is concerned with.

What of it is then written to the tables, and how, is `delta_commit`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from deltalake import DeltaTable

from ecom_assets.ingest.delta_types import duckdb_type, read_value
from ecom_assets.ingest.duckdb_session import DuckDbSession

STORED = "ecom_stored"
BEFORE = "ecom_before"
"""Schemas in DuckDB: views of the Delta tables, and the rows that were copied, as they were."""


@dataclass
class Brought:
    """What was copied of a table: nothing, rows that `key` tells apart, or the `whole` of it."""

    whole: bool = False
    some: bool = False
    key: Sequence[str] = field(default_factory=tuple)


class DeltaSession(DuckDbSession):
    """DuckDB in memory with the tables of a dataset, empty but for what is brought."""

    copies = True

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, dataset: str, tables: Mapping[str, DeltaTable]
    ) -> None:
        """Make the tables of the dataset, none if it has none yet."""
        super().__init__(connection)
        self.dataset = dataset
        self.tables = tables
        self.brought = {name: Brought() for name in tables}
        show(connection, STORED, tables)
        connection.execute(f"create schema {BEFORE}")
        if tables:
            connection.execute(f'create schema "{dataset}"')
        for name, table in tables.items():
            columns = ", ".join(
                f'"{entry.name}" {duckdb_type(entry)}{"" if entry.nullable else " not null"}'
                for entry in table.schema().fields
            )
            connection.execute(f'create table "{dataset}"."{name}" ({columns})')

    def bring(
        self, table: str, where: str = "true", parameters: Sequence[Any] = (), key: Sequence[str] = ()
    ) -> None:
        """Copy the rows of a table, `rows` in the condition, that are read or changed. Once for each table."""
        if table not in self.tables:
            return
        if self.brought[table] != Brought():
            raise ValueError(f"{table} was brought before")
        self.brought[table] = Brought(where == "true", True, key)
        self.execute(
            f'create table {BEFORE}."{table}" as select * from {STORED}."{table}" as rows where {where}',
            parameters,
        )
        self.execute(f'insert into "{self.dataset}"."{table}" select * from {BEFORE}."{table}"')


def show(connection: duckdb.DuckDBPyConnection, schema: str, tables: Mapping[str, DeltaTable]) -> None:
    """Let DuckDB see Delta tables as the views of a schema; what a query needs of them is read when it runs."""
    connection.execute(f'create schema "{schema}"')
    for name, table in tables.items():
        connection.register(f"ecom_delta_{name}", table.to_pyarrow_dataset())
        values = ", ".join(read_value(entry.name, duckdb_type(entry)) for entry in table.schema().fields)
        connection.execute(f'create view "{schema}"."{name}" as select {values} from "ecom_delta_{name}"')
