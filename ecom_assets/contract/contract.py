"""Contract: records become an Arrow table with the declared columns, and rejected rows with the reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.column_names import ColumnNames
from ecom_assets.contract.conversion import arrow_type, convert, instants_of_cursor
from ecom_assets.contract.duplicates import superseded_rows
from ecom_assets.contract.inference import fits, infer, infer_key, key_fits, wider
from ecom_assets.contract.nested_lists import lists_of_objects
from ecom_assets.contract.nested_values import values_at
from ecom_assets.contract.new_fields import (
    as_text,
    column_hint,
    evolved_column,
    infer_column,
    known_fields,
)
from ecom_assets.contract.result import DUPLICATE, ContractResult, RejectedRow, UnusableElement
from ecom_assets.contract.told_deletions import refuse_unknown_words, told_deletions
from ecom_assets.contract.undeclared_fields import SortedFields, UndeclaredFields
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.table.deletes import DELETED_AT
from ecom_assets.foundation.json_text import json_text, shorten_value


class Contract:
    """The declared columns of one resource, and those that its tables gained over time."""

    def __init__(
        self,
        resource: Resource,
        children: Collection[Resource] = (),
        evolved: Mapping[str, Column] | None = None,
        timezone: str = "UTC",
        stored: Collection[str] | None = None,
        may_hold_null: Collection[str] = (),
        fields: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Take the columns of a resource.

        Args:
            resource: The resource.
            children: The resources whose rows are nested lists of this one. Their lists are no undeclared fields.
            evolved: The columns that earlier loads added, by name. They keep their types.
            timezone: The time zone of instants without an offset.
            stored: Those of `evolved` that the warehouse has, by default all of them. Others are known of a try
                that read the same records before.
            may_hold_null: Declared columns that are not nullable, but whose columns in the warehouse are. Rows of
                earlier loads may have a null there.
            fields: The paths of the fields that earlier loads made columns of, by column.
        """
        self.evolved = dict(evolved or {})
        self.widened: dict[str, Column] = {}
        """The undeclared columns whose types could not hold a value, with the types that can."""
        self.guessed_wrong = False
        """Whether the type of one of `widened` was a guess, so that it is wrong before any row was kept."""
        self.nested_lists: dict[str, str] = {}
        """The entry that makes a table of an undeclared list of objects, by the column that has it as JSON."""
        self._stored = frozenset(self.evolved if stored is None else stored)
        self._may_hold_null = frozenset(may_hold_null)
        self._zone = timezone
        self._take_resource(resource)
        lists = [tuple(child.rows_from.path.split(".")) for child in children if child.rows_from]
        self._known = known_fields([*(column.path for column in resource.columns), *lists])
        self._names = ColumnNames(self.schema.names, fields or {})
        self._undeclared = UndeclaredFields(resource, self._known, self._names)

    def _take_resource(self, resource: Resource) -> None:
        self.resource = resource
        names = {column.name for column in resource.columns}
        self._required_hints = [
            hint for hint in resource.column_hints.values() if not hint.nullable and hint.name not in names
        ]
        self.schema = pa.schema(
            [
                pa.field(column.name, arrow_type(column), nullable=self._allows_null(column))
                for column in resource.table_columns
            ]
        )

    def _allows_null(self, column: Column) -> bool:
        """Tell whether the column of the table is nullable."""
        return column.nullable or column.name in self._may_hold_null

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return all columns of the table, as far as this contract knows them."""
        return (*self.resource.table_columns, *self.evolved.values())

    def columns_hints(self) -> dict[str, TColumnSchema]:
        """Return dlt's hints for the table's columns, in their order."""
        return {
            column.name: {**column_hint(column), "nullable": self._allows_null(column)}
            for column in self.resource.table_columns
        }

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
                    usual = f"the record is not an object: {shorten_value(record)}"
                    reason = record.reason if isinstance(record, UnusableElement) else usual
                    reasons.setdefault(position, []).append(reason)
                    broken.add(position)
        undeclared = self._undeclared.of(rows, self.evolved, self._stored)
        arrays = [
            self._column(rows, column, reasons, broken, undeclared.respelled.get(column.name, ()))
            for column in self.resource.columns
        ]
        arrays += self._added_columns(arrays, rows)
        self._require_hinted(rows, undeclared, reasons, broken)
        fields = list(self.schema)
        hints: dict[str, TColumnSchema] = {}
        for name, values in undeclared.new.items():
            column = self._evolved_column(name, values)
            if column.data_type == "json" and name not in self.nested_lists:
                self.nested_lists |= lists_of_objects(self.resource, name, values, rows, self._known)
            # an undeclared instant has an offset; a date in its place is a midnight in UTC
            zone = "UTC" if self.resource.widens else self._zone
            converted = convert(as_text(values) if column.data_type == "text" else values, column, zone)
            for position, reason in converted.wrong.items():
                reasons.setdefault(position, []).append(f"{name}: {reason}")
            fields.append(pa.field(name, arrow_type(column)))
            arrays.append(converted.array)
            hints[name] = {**column_hint(column), **self._names.hint(name)}  # type: ignore[typeddict-item]
        kept: Sequence[int] = range(len(records))
        table = pa.table(arrays, schema=pa.schema(fields))
        if reasons:
            kept = [row for row in kept if row not in reasons]
            table = table.take(pa.array(kept, pa.int64()))
        if superseded := self._superseded_rows(table, groups and [groups[row] for row in kept]):
            for place in superseded:
                key = self._key_text(rows[kept[place]])
                reasons[kept[place]] = [f"{DUPLICATE} {key}: another row with it was kept"]
            remaining = sorted(set(range(len(kept))) - set(superseded))
            kept, table = [kept[place] for place in remaining], table.take(pa.array(remaining, pa.int64()))
        rejected = tuple(
            RejectedRow(row, self._key_text(rows[row]), tuple(reasons[row]), json_text(records[row]))
            for row in sorted(reasons)
        )
        return ContractResult(table, kept, rejected, undeclared.discarded, hints)

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

    def _added_columns(self, arrays: Sequence[pa.Array], rows: Sequence[Any]) -> list[pa.Array]:
        """Return the columns that records do not have: null, unless a record says when its state began or ended."""
        others = list(self.schema)[len(self.resource.columns) :]
        added = {entry.name: pa.nulls(len(rows), entry.type) for entry in others}
        history, cursor = self.resource.history, self.resource.cursor
        values = arrays[self.resource.columns.index(cursor)] if cursor else None
        changed = cursor and instants_of_cursor(values, cursor, self._zone)
        if history and cursor:
            added[history.valid_from] = changed
        if (deletes := self.resource.deletes) and deletes.field:
            refuse_unknown_words(self.resource.name, rows, deletes.field)
            added[DELETED_AT.name] = told_deletions(rows, deletes.field, changed, self._zone)
        return list(added.values())

    def _evolved_column(self, name: str, values: Sequence[Any]) -> Column:
        """Return the undeclared column of a field, made wider where it does not hold these values."""
        known = self.evolved.get(name)
        if not self.resource.widens:
            return self.evolved.setdefault(name, infer_column(name, values))
        stored = name in self._stored
        if known is None:
            column = infer(name, values)
        elif fits(values, known, stored=stored):
            return known
        else:
            column = wider(known, values, stored=stored) or known
            self.widened[name] = column
        self.evolved[name] = column
        return column

    def _require_hinted(
        self,
        rows: Sequence[Any],
        undeclared: SortedFields,
        reasons: dict[int, list[str]],
        broken: Collection[int],
    ) -> None:
        """Add the reasons for rows without a value in an undeclared column that the file calls not nullable."""
        for hint in self._required_hints:
            found = undeclared.new.get(hint.name, [None] * len(rows))
            # an object has columns of its own
            own = values_at(rows, hint.path)[0]
            for position, pair in enumerate(zip(found, own, strict=True)):
                if pair == (None, None) and position not in broken:
                    reasons.setdefault(position, []).append(f"{hint.name}: null, but not nullable")

    def _widen_key(self, column: Column, values: Sequence[Any]) -> Column:
        """Return an undeclared column of the primary key, made a text where it does not hold these values.

        If its type is a guess, the first values decide. There are no rows before them, so it may also become narrower.
        """
        cursor = self.resource.cursor
        is_cursor = cursor is not None and cursor.name == column.name
        if not column.inferred or is_cursor:
            return column
        fitting = column
        if column.guessed:
            fitting = infer_key(column, values)
        elif self.resource.widens and not key_fits(values, column):
            fitting = column.with_type(evolved_column(column.name, {"data_type": "text"}))
        if fitting is column or fitting.guessed:
            return column
        if fitting.data_type != column.data_type:
            self.widened[column.name] = fitting
            self.guessed_wrong = self.guessed_wrong or column.guessed
        self._take_resource(self.resource.with_types({column.name: fitting}))
        return fitting

    def _superseded_rows(self, table: pa.Table, groups: Sequence[int] | None) -> list[int]:
        """Return the rows of a table that another row with the same primary key supersedes."""
        if not self.resource.primary_key:
            return []
        cursor = self.resource.cursor
        return superseded_rows(
            [table.column(name) for name in self.resource.primary_key],
            table.column(cursor.name) if cursor else None,
            groups,
        )

    def _column(
        self,
        rows: Sequence[Any],
        column: Column,
        reasons: dict[int, list[str]],
        broken: set[int],
        respelled: Sequence[Any] = (),
    ) -> pa.Array:
        """Return one declared column, and add the reasons for the rows that break it.

        `respelled` are the values of a field with another spelling of the column's name, if no record has the field.
        """
        values, misplaced = values_at(rows, column.path)
        if respelled:
            values = list(respelled)
        column = self._widen_key(column, values)
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


def contract_of(shop: Shop, resource: Resource) -> Contract:
    """Return the contract of a resource by its declaration alone, without the columns that loads added."""
    return Contract(resource, shop.children_of(resource.name), timezone=shop.timezone_of(resource))
