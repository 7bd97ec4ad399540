"""The rows that an audit compares: those of the packages that were read, and those of the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq

from ecom_assets.contract.conversion import instants_of_cursor
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.declaration.table.deletes import DELETED_AT
from ecom_assets.load.audit.differences import Key, Row
from ecom_assets.load.dispositions.history_table import is_open
from ecom_assets.load.read import TableReading
from ecom_assets.warehouse.transaction import Transaction

_KEYS_AT_ONCE = 300
"""How many keys a query names."""


@dataclass(frozen=True)
class ComparedTable:
    """The columns of a table that an audit compares, and how it makes comparable rows of them.

    Attributes:
        shop: The shop, with the types of this run.
        resource: The table's resource.
        columns: The columns of the table with their types.
        stored: The names of the columns that the table in the warehouse has.
    """

    shop: Shop
    resource: Resource
    columns: Sequence[Column]
    stored: Collection[str]

    @cached_property
    def compared(self) -> list[str]:
        """Return the names of the compared columns: those that are declared, or all if none is.

        Volatile columns are left out, and those that the next load adds to the table.
        """
        declared = {column.name for column in self.resource.columns}
        volatile = {column.name for column in self.resource.declared_columns if column.volatile}
        of_loads = {column.name for column in self.resource.table_columns} - declared
        return [
            column.name
            for column in self.columns
            if column.name in self.stored
            and column.name not in volatile | of_loads
            and (column.name in declared or not self.resource.declared_columns)
        ]

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key."""
        return self.resource.primary_key

    @property
    def missing_columns(self) -> list[str]:
        """Return the columns without which rows cannot be found in the table."""
        cursor = [self.resource.cursor.name] if self.resource.cursor else []
        root = root_key_columns(self.shop, self.resource) if self.resource.parent else {}
        return [name for name in (*self.key, *cursor, *root) if name not in self.stored]

    @cached_property
    def root_key(self) -> dict[str, str]:
        """Return the columns of a child that hold its root's primary key, each with the root's column."""
        return root_key_columns(self.shop, self.resource)

    def read_rows(
        self, pipeline: dlt.Pipeline, reading: TableReading
    ) -> Iterator[tuple[Row, datetime | None, Key]]:
        """Yield the rows of a package: each with the instant of its cursor, and the key of its root."""
        for path in _files(pipeline, reading.load_id, self.resource.name):
            table = pq.read_table(path)
            names = [name for name in table.column_names if name in self._wanted]
            values = [table.column(name).to_pylist() for name in names]
            yield from self._rows(names, zip(*values, strict=True))

    def stored_rows(
        self, transaction: Transaction, condition: str = "true", parameters: Sequence[Any] = ()
    ) -> Iterator[tuple[Row, datetime | None, Key]]:
        """Yield rows of the table, of a history those that are valid now, as `read_rows` does."""
        names = [name for name in self._wanted if name in self.stored]
        listed = ", ".join(
            f'cast("{name}" as varchar)' if self._types.get(name) == "json" else f'"{name}"' for name in names
        )
        history = self.resource.history
        valid = f" and {is_open(history, 'rows')}" if history and history.valid_to in self.stored else ""
        found = transaction.execute(
            f'select {listed} from "{self.shop.name}"."{self.resource.name}" as rows where {condition}{valid}',
            parameters,
        )
        yield from self._rows(names, found.fetchall())

    def rows_of_keys(
        self, transaction: Transaction, columns: Sequence[str], keys: Iterable[Key]
    ) -> Iterator[tuple[Row, datetime | None, Key]]:
        """Yield the rows of the table that have one of these keys in some columns."""
        if any(self._types.get(name) == "json" for name in columns):
            wanted = set(keys)
            own = tuple(columns) == self.key
            yield from (
                found
                for found in self.stored_rows(transaction)
                if (found[0].key if own else found[2]) in wanted
            )
            return
        left = iter(keys)
        while some := list(islice(left, _KEYS_AT_ONCE)):
            same = " and ".join(f'"{name}" = ?' for name in columns)
            condition = f"({' or '.join([f'({same})'] * len(some))})"
            if len(columns) == 1:
                condition = f'"{columns[0]}" in ({", ".join("?" * len(some))})'
            yield from self.stored_rows(transaction, condition, [part for key in some for part in key])

    @cached_property
    def _wanted(self) -> list[str]:
        """Return the columns that are read: the compared ones, and those by which rows are found."""
        cursor = [self.resource.cursor.name] if self.resource.cursor else []
        root = list(self.root_key) if self.resource.parent else []
        deleted = [DELETED_AT.name] if self.resource.deletes and not self.resource.history else []
        return list(dict.fromkeys([*self.compared, *self.key, *cursor, *root, *deleted]))

    @cached_property
    def _types(self) -> dict[str, str]:
        return {column.name: column.data_type for column in self.columns}

    def _rows(
        self, names: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> Iterator[tuple[Row, datetime | None, Key]]:
        """Yield comparable rows of plain ones."""
        position = {name: place for place, name in enumerate(names)}
        comparers = [_comparer(self._types.get(name, "")) for name in names]
        compared = [(name, position[name]) for name in self.compared if name in position]
        key = [position[name] for name in self.key]
        root = [position[name] for name in self.root_key] if self.resource.parent else []
        deleted = position.get(DELETED_AT.name) if self.resource.deletes else None
        cursor = self.resource.cursor
        at = position[cursor.name] if cursor else None
        plain = list(rows)
        instants: Sequence[datetime | None] = [None] * len(plain)
        if cursor is not None and at is not None:
            instants = self.instants(row[at] for row in plain)
        for row, instant in zip(plain, instants, strict=True):
            values = [comparer(value) for comparer, value in zip(comparers, row, strict=True)]
            yield (
                Row(
                    tuple(values[place] for place in key),
                    {name: values[place] for name, place in compared},
                    None if at is None else values[at],
                    deleted is not None and row[deleted] is not None,
                ),
                instant,
                tuple(values[place] for place in root),
            )

    def instants(self, cursors: Iterable[Any]) -> Sequence[datetime | None]:
        """Return the instants in UTC of converted values of the cursor of the root."""
        root = self.shop.root_of(self.resource)
        if root.cursor is None:
            raise LookupError(f"{root.name} has no cursor")
        found: Sequence[datetime | None] = instants_of_cursor(
            _array(cursors, root.cursor.data_type), root.cursor, self.shop.timezone_of(root)
        ).to_pylist()
        return found


def _array(values: Iterable[Any], data_type: str) -> pa.Array:
    kinds = {"timestamp": pa.timestamp("us", "UTC"), "date": pa.date32(), "bigint": pa.int64()}
    return pa.array(list(values), kinds.get(data_type))


def _files(pipeline: dlt.Pipeline, load_id: str, table: str) -> list[str]:
    """Return the Parquet files that a package has for a table."""
    jobs = pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    return [job.file_path for job in jobs if job.job_file_info.table_name == table]


def _comparer(data_type: str) -> Callable[[Any], Hashable]:
    """Return the function that makes a value comparable, whether it comes from Arrow or from a driver."""
    if data_type == "json":
        return lambda value: None if value is None else _plain_json(json.loads(value))
    if data_type == "binary":
        return lambda value: None if value is None else bytes(value)
    if data_type == "double":
        # not a number is equal to itself here
        return lambda value: "nan" if value != value else value
    return lambda value: value


def _plain_json(value: Any) -> Hashable:
    """Return a value of JSON as tuples, without the order of fields. True is not 1."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _plain_json(entry)) for name, entry in value.items()))
    if isinstance(value, list):
        return ("list", tuple(_plain_json(entry) for entry in value))
    return (
        ("bool", value)
        if isinstance(value, bool)
        else value
        if not isinstance(value, Decimal)
        else float(value)
    )
