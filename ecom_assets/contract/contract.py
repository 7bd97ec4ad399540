"""Contract: records become an Arrow table with the declared columns, and rejected rows with the reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.conversion import arrow_type, convert
from ecom_assets.contract.duplicates import superseded_rows
from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.new_fields import as_text, infer_column, known_fields, unknown_fields
from ecom_assets.declaration.column_types import COLUMN_TYPES
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.json_text import json_text, shorten_value

_NAMED_FIELDS = 5
"""How many undeclared fields an error names."""


@dataclass(frozen=True)
class RejectedRow:
    """A record that breaks the contract, or a duplicate of one that is kept.

    Attributes:
        row: Its position among the records.
        primary_key: Its key as text, empty if it has none.
        reasons: Every reason; `docs/tables.md` lists their texts.
        record: The record as JSON.
    """

    row: int
    primary_key: str
    reasons: tuple[str, ...]
    record: str


@dataclass(frozen=True)
class ContractResult:
    """The kept and the rejected rows of a list of records.

    Attributes:
        kept: The rows that keep the contract.
        kept_rows: The positions of these rows among the records.
        rejected: The other records.
        discarded: The number of values that were discarded, by field.
        hints: dlt's hints for the undeclared columns, by name.
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
        """Take the columns of a resource.

        Args:
            resource: The resource.
            children: The resources whose rows are nested lists of this one. Their lists are no undeclared fields.
            evolved: The columns that earlier loads added, by name. They keep their types.
            timezone: The time zone of instants without an offset.
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
        """Return dlt's hints for the table's columns, in their order."""
        return {column.name: _hint(column) for column in self.resource.table_columns}

    def apply(
        self,
        records: Sequence[Any],
        rejections: Mapping[int, str] | None = None,
        groups: Sequence[int] | None = None,
    ) -> ContractResult:
        """Return the records that keep the contract as a table, and the others as rejected rows.

        Args:
            records: The records.
            rejections: Records to reject for a reason that the caller knows: the reasons by position.
            groups: The number of each record's group. A primary key may be in several groups, but only once in
                each. Without it, all records are one group.

        Raises:
            ContractBroken: A field is undeclared and `schema_contract.columns` is freeze. Nothing else is raised.
        """
        reasons = {position: [reason] for position, reason in (rejections or {}).items()}
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
        # records do not have our own columns, as `deleted_at`: a record that comes is not deleted
        arrays += [pa.nulls(len(rows), entry.type) for entry in list(self.schema)[len(arrays) :]]
        fields = list(self.schema)
        hints: dict[str, TColumnSchema] = {}
        undeclared, discarded = self._undeclared(rows)
        for name, values in undeclared.items():
            column = self.evolved.setdefault(name, infer_column(name, values))
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
        if superseded := self._superseded_rows(table, groups and [groups[row] for row in kept]):
            for place in superseded:
                key = self._key_text(rows[kept[place]])
                reasons[kept[place]] = [f"duplicate of the primary key {key}: another row with it was kept"]
            remaining = sorted(set(range(len(kept))) - set(superseded))
            kept, table = [kept[place] for place in remaining], table.take(pa.array(remaining, pa.int64()))
        rejected = tuple(
            RejectedRow(row, self._key_text(rows[row]), tuple(reasons[row]), json_text(records[row]))
            for row in sorted(reasons)
        )
        return ContractResult(table, kept, rejected, discarded, hints)

    def columns_of(
        self, records: Sequence[Any], names: Sequence[str], paths: Mapping[str, Sequence[str]] | None = None
    ) -> pa.Table:
        """Return some declared columns of records, without the rows that have a null in one of them.

        Args:
            records: The records.
            names: The columns.
            paths: The paths of columns that are elsewhere in these records than the declaration says, by name.
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
        """Return the values of undeclared fields that become columns, and the number of discarded values by field."""
        unknown, discarded = unknown_fields(rows, self._known)
        policy = self.resource.schema_contract.columns
        if unknown and policy == "freeze":
            self._refuse_undeclared(unknown)
        declared_names = set(self.schema.names)
        to_discard = set(unknown) if policy == "discard_value" else declared_names.intersection(unknown)
        for name in to_discard:
            values = unknown.pop(name)
            discarded[name] = discarded.get(name, 0) + sum(value is not None for value in values)
        return unknown, discarded

    def _superseded_rows(self, table: pa.Table, groups: Sequence[int] | None) -> list[int]:
        """Return the rows of a table that another row with the same primary key supersedes."""
        cursor = self.resource.cursor
        return superseded_rows(
            [table.column(name) for name in self.resource.primary_key],
            table.column(cursor.name) if cursor else None,
            groups,
        )

    def _column(
        self, rows: Sequence[Any], column: Column, reasons: dict[int, list[str]], broken: set[int]
    ) -> pa.Array:
        """Return one declared column, and add the reasons for the rows that break it."""
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

    def _key_text(self, record: Mapping[str, Any]) -> str:
        """Return a record's primary key as text, its parts separated by commas, empty if the record has none."""
        parts = []
        for name in self.resource.primary_key:
            (value,), _ = values_at([record], self.resource.column(name).path)
            parts.append("" if value is None else value if isinstance(value, str) else json_text(value))
        # a lone surrogate cannot be stored
        return (", ".join(parts) if any(parts) else "").encode("utf-8", "backslashreplace").decode()

    def _refuse_undeclared(self, unknown: Mapping[str, Any]) -> None:
        names = ", ".join(list(unknown)[:_NAMED_FIELDS]) + (", …" if len(unknown) > _NAMED_FIELDS else "")
        raise ContractBroken(
            f"{self.resource.name}: found the undeclared fields {names}; allowed are the declared columns, because "
            "schema_contract.columns is freeze: declare them, or choose evolve or discard_value"
        )


def contract_of(shop: Shop, resource: Resource) -> Contract:
    """Return the contract of a resource by its declaration alone, without the columns that loads added."""
    return Contract(resource, shop.children_of(resource.name), timezone=shop.timezone_of(resource))


def _hint(column: Column) -> TColumnSchema:
    """Return dlt's hint of one column."""
    hint: TColumnSchema = {"data_type": column.data_type, "nullable": column.nullable}
    if COLUMN_TYPES[column.data_type].has_size:
        hint["precision"], hint["scale"] = column.precision, column.scale
    if column.description:
        hint["description"] = column.description
    return hint
