"""The contract: a list of records becomes an Arrow table that keeps it, and the rows that do not, with reasons.

How a value becomes one of a type is `convert`'s, what undeclared fields are is `evolve`'s, which row of one key
stays is `duplicates`'.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.conversion import arrow_type, convert
from ecom_assets.contract.duplicates import superseded_rows
from ecom_assets.contract.nested_values import explode, values_at
from ecom_assets.contract.new_fields import as_text, evolved_column, inferred, known_fields, unknown_fields
from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column, Resource
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.json_text import json_text, shorten_value

__all__ = ["Contract", "ContractResult", "RejectedRow", "evolved_column", "explode"]

_NAMED = 5


@dataclass(frozen=True)
class RejectedRow:
    """A record that breaks the contract: its position, its key as text, every reason, itself as JSON."""

    row: int
    primary_key: str
    reasons: tuple[str, ...]
    record: str


@dataclass(frozen=True)
class ContractResult:
    """What became of a list of records: `kept_rows` are the positions of the rows of `kept`.

    `hints` are dlt's for the columns that the declaration does not name, `discarded` counts values by field.
    """

    kept: pa.Table
    kept_rows: Sequence[int]
    rejected: tuple[RejectedRow, ...] = ()
    discarded: Mapping[str, int] = field(default_factory=dict)
    hints: Mapping[str, TColumnSchema] = field(default_factory=dict)


class Contract:
    """The declared columns of one resource, and those that its tables gained over time."""

    def __init__(
        self,
        resource: Resource,
        children: Collection[Resource] = (),
        evolved: Mapping[str, Column] | None = None,
        timezone: str = "UTC",
    ) -> None:
        """Take the lists that other resources are made of for known, and keep to the types of `evolved`.

        `timezone` is that of instants which name none.
        """
        self.resource = resource
        self.evolved = dict(evolved or {})
        self._zone = timezone
        lists = [tuple(child.rows_from.path.split(".")) for child in children if child.rows_from]
        self._known = known_fields([*(column.path for column in resource.columns), *lists])
        self.schema = pa.schema(
            [
                pa.field(column.name, arrow_type(column), nullable=column.nullable)
                for column in resource.table_columns
            ]
        )

    def columns_hints(self) -> dict[str, TColumnSchema]:
        """Return dlt's hints of the table's columns, in their order."""
        return {column.name: _hint(column) for column in self.resource.table_columns}

    def apply(
        self,
        records: Sequence[Any],
        refused: Mapping[int, str] | None = None,
        lists: Sequence[int] | None = None,
    ) -> ContractResult:
        """Return the table of the records that keep the contract, and the others with every reason.

        `refused` are the positions of records that are not to be kept for a reason of their own; `lists` tell of
        each record the list that it is from, where there are several: a key may be in more than one of them. Raises
        ContractBroken for an undeclared field where `schema_contract.columns` is freeze, and nothing else.
        """
        reasons = {position: [reason] for position, reason in (refused or {}).items()}
        rows, broken = records, set[int]()
        if any(type(record) is not dict for record in records):
            rows = [record if isinstance(record, dict) else {} for record in records]
            for position, record in enumerate(records):
                if not isinstance(record, dict):
                    reasons.setdefault(position, []).append(
                        f"the record is not an object: {shorten_value(record)}"
                    )
                    broken.add(position)
        arrays = [self._column(rows, column, reasons, broken) for column in self.resource.columns]
        # no record has the columns that are ours: one that comes, or comes again, is not deleted
        arrays += [pa.nulls(len(rows), entry.type) for entry in list(self.schema)[len(arrays) :]]
        fields = list(self.schema)
        hints: dict[str, TColumnSchema] = {}
        undeclared, discarded = self._undeclared(rows)
        for name, values in undeclared.items():
            column = self.evolved.setdefault(name, inferred(name, values))
            converted = convert(as_text(values) if column.data_type == "text" else values, column, self._zone)
            for position, reason in converted.wrong.items():
                reasons.setdefault(position, []).append(f"{name}: {reason}")
            fields.append(pa.field(name, arrow_type(column)))
            arrays.append(converted.array)
            hints[name] = _hint(column)
        kept: Sequence[int] = range(len(records))
        table = pa.table(arrays, schema=pa.schema(fields))
        if reasons:
            kept = [row for row in kept if row not in reasons]
            table = table.take(pa.array(kept, pa.int64()))
        if lost := self._duplicates(table, lists and [lists[row] for row in kept]):
            for place in lost:
                key = self._key(rows[kept[place]])
                reasons[kept[place]] = [f"duplicate of the primary key {key}: another row of it was kept"]
            staying = sorted(set(range(len(kept))) - set(lost))
            kept, table = [kept[place] for place in staying], table.take(pa.array(staying, pa.int64()))
        rejected = tuple(
            RejectedRow(row, self._key(rows[row]), tuple(reasons[row]), json_text(records[row]))
            for row in sorted(reasons)
        )
        return ContractResult(table, kept, rejected, discarded, hints)

    def columns_of(
        self, records: Sequence[Any], names: Sequence[str], paths: Mapping[str, Sequence[str]] | None = None
    ) -> pa.Table:
        """Return some declared columns of records, without the rows that have a null in one of them.

        `paths` are where they are in these records, if that is not where the declaration has them.
        """
        columns = [self.resource.column(name) for name in names]
        found = [values_at(records, (paths or {}).get(column.name, column.path))[0] for column in columns]
        table = pa.table(
            [
                convert(values, column, self._zone).array
                for values, column in zip(found, columns, strict=True)
            ],
            schema=pa.schema([self.schema.field(name).with_nullable(True) for name in names]),
        )
        return table.drop_null()

    def _undeclared(self, rows: Sequence[Any]) -> tuple[dict[str, list[Any]], dict[str, int]]:
        """Return the values of the undeclared fields that are to become columns, and how many of others not."""
        unknown, discarded = unknown_fields(rows, self._known)
        policy = self.resource.schema_contract.columns
        if unknown and policy == "freeze":
            self._refuse(unknown)
        taken = set(unknown) if policy == "discard_value" else set(self.schema.names).intersection(unknown)
        for name in taken:
            values = unknown.pop(name)
            discarded[name] = discarded.get(name, 0) + sum(value is not None for value in values)
        return unknown, discarded

    def _duplicates(self, table: pa.Table, lists: Sequence[int] | None) -> list[int]:
        """Return the rows of a table that give way to another one of their primary key."""
        cursor = self.resource.cursor
        return superseded_rows(
            [table.column(name) for name in self.resource.primary_key],
            table.column(cursor.name) if cursor else None,
            lists,
        )

    def _column(
        self, rows: Sequence[Any], column: Column, reasons: dict[int, list[str]], broken: set[int]
    ) -> pa.Array:
        """Return one declared column, and add the reasons of the rows that break it."""
        values, misplaced = values_at(rows, column.path)
        converted = convert(values, column, self._zone)
        wrong = {position: f"{column.name}: {reason}" for position, reason in converted.wrong.items()}
        for position, reason in misplaced.items():
            wrong[position] = f"{column.name}: {reason}"
        if converted.array.null_count and not column.nullable:
            key = column.name in self.resource.primary_key
            reason = "null, but part of the primary key" if key else "null, but not nullable"
            for position in pc.indices_nonzero(converted.array.is_null()).to_pylist():
                if position not in broken:
                    wrong.setdefault(position, f"{column.name}: {reason}")
        for position in sorted(wrong):
            reasons.setdefault(position, []).append(wrong[position])
        return converted.array

    def _key(self, record: Mapping[str, Any]) -> str:
        """Return a record's primary key as text, its parts parted by commas; an empty text where it has none."""
        parts = []
        for name in self.resource.primary_key:
            (value,), _ = values_at([record], self.resource.column(name).path)
            parts.append("" if value is None else value if isinstance(value, str) else json_text(value))
        # a lone surrogate cannot be stored
        return (", ".join(parts) if any(parts) else "").encode("utf-8", "backslashreplace").decode()

    def _refuse(self, unknown: Mapping[str, Any]) -> None:
        names = ", ".join(list(unknown)[:_NAMED]) + (", …" if len(unknown) > _NAMED else "")
        raise ContractBroken(
            f"{self.resource.name}: found the undeclared fields {names}; allowed are the declared columns, because "
            "schema_contract.columns is freeze: declare them, or choose evolve or discard_value"
        )


def _hint(column: Column) -> TColumnSchema:
    """Return dlt's hint of one column."""
    hint: TColumnSchema = {"data_type": column.data_type, "nullable": column.nullable}
    if COLUMN_TYPES[column.data_type].has_size:
        hint["precision"], hint["scale"] = column.precision, column.scale
    if column.description:
        hint["description"] = column.description
    return hint
