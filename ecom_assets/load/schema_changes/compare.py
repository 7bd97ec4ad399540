"""Compares tables as they stand in the warehouse with the declaration, and finds what has to change before a load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.inference import type_text
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.extract.last_declaration import (
    HINT,
    LastDeclaration,
    declaration_hint,
    last_declaration,
)
from ecom_assets.load.schema_changes.change import Changes, ColumnChange, Misfit, TableChanges
from ecom_assets.load.schema_changes.conversion import converted_values, key_expression, widens
from ecom_assets.load.schema_changes.primary_key import primary_key_problem
from ecom_assets.load.schema_changes.protection import protection_changes
from ecom_assets.load.stored_columns import StoredColumns
from ecom_assets.warehouse.transaction import Transaction


def tables_to_compare(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Return the names that the tables of resources have or had."""
    return tuple(
        dict.fromkeys(name for entry in resources for name in (entry.name, entry.renamed_from) if name)
    )


def compare_tables(
    transaction: Transaction,
    shop: Shop,
    resources: Iterable[Resource],
    stored: StoredColumns,
    schema_tables: Mapping[str, Mapping[str, Any]],
    *,
    migrates: bool = False,
    discard: bool = False,
) -> Changes:
    """Return the changes of each table that exists.

    Args:
        transaction: An open transaction; nothing is written.
        shop: The shop.
        resources: The resources to compare.
        stored: dlt's columns of the tables in the warehouse, by the names of `tables_to_compare`.
        schema_tables: The tables of dlt's schema, as the last load left it.
        migrates: Whether personal data in the tables is protected as well, which only `ecom-assets migrate` does.
        discard: Whether values that do not fit another type become null, which a user has agreed to.
    """
    types = transaction.columns_of(shop.name)
    found: dict[str, TableChanges] = {}
    for resource in resources:
        table = resource.name
        former = resource.renamed_from
        if former and former in types:
            if table in types:
                found[table] = TableChanges(
                    table,
                    table,
                    refusals=(
                        f"renamed_from: {former}, but the warehouse has a table {former} and a table {table}; "
                        f"drop one of them, with ecom-assets reset {shop.name} {former} for example",
                    ),
                )
                continue
            table = former
        if table not in types:
            continue
        last = last_declaration(schema_tables.get(table, {}))
        comparison = _Comparison(
            transaction,
            shop,
            resource,
            table,
            types[table],
            stored.get(table, {}),
            last,
            migrates,
            discard,
        )
        found[resource.name] = comparison.changes(known=schema_tables.get(table, {}))
    return found


@dataclass
class _Comparison:
    """The comparison of one table. `types` are the engine's types by column, `hints` are dlt's columns of the table."""

    transaction: Transaction
    shop: Shop
    resource: Resource
    table: str
    types: Mapping[str, str]
    hints: Mapping[str, TColumnSchema]
    last: LastDeclaration
    migrates: bool = False
    discard: bool = False
    found: list[ColumnChange] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    plain: dict[str, str] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)

    @property
    def quoted(self) -> str:
        """Return the table's name in SQL."""
        return f'"{self.shop.name}"."{self.table}"'

    def changes(self, known: Mapping[str, Any]) -> TableChanges:
        """Return the changes; `known` is the table in dlt's schema."""
        sources = {column.name: self._source(column) for column in self.resource.table_columns}
        for column in self.resource.table_columns:
            source = sources[column.name]
            if source is None:
                self._add(column)
                continue
            if source != column.name:
                self._rename(column, source)
            declared = _with_declared_type(self.shop, self.resource, column)
            if declared is not None:
                self._change_type(declared, source)
            self._change_nullability(column, source)
        self._protect(sources)
        self._keep(set(filter(None, sources.values())))
        problem = primary_key_problem(
            self.transaction, self.shop, self.resource, self.quoted, sources, self.last
        )
        if problem:
            self._refuse(problem.reason, problem.columns)
            self.misfits += [Misfit(problem.reason, problem.rows, whole_rows=True)] if problem.rows else []
        return TableChanges(
            self.resource.name,
            self.table,
            tuple(self.found),
            tuple(self.refusals),
            frozenset(self.refused),
            self.plain,
            tuple(self.misfits),
            redeclared=self.table != self.resource.name
            or known.get(HINT) != declaration_hint(self.shop, self.resource),
        )

    def _source(self, column: Column) -> str | None:
        """Return the column of the table that is a declared one now, None if the table has none."""
        former = column.renamed_from
        if former is None and self.resource.parent and self.resource.comes_from_parent(column):
            # a child's column has the name of its parent in front
            parent = self.shop.resource(self.resource.parent)
            prefix = f"_{parent.name}_"
            if parent.renamed_from and column.name.startswith(prefix):
                former = f"_{parent.renamed_from}_{column.name.removeprefix(prefix)}"
        if former in self.types:
            return former
        return column.name if column.name in self.types else None

    def _add(self, column: Column) -> None:
        if column.name.startswith("_dlt"):
            return
        text = "added"
        if not column.nullable:
            text = "added; null in the rows that are there, so their windows have to be loaded again"
        self.found.append(ColumnChange(column.name, text))

    def _rename(self, column: Column, source: str) -> None:
        before = evolved_column(source, self.hints.get(source, {}))
        if column.name not in self.types:
            self.found.append(ColumnChange(column.name, f"renamed from {source}", "rename", before, column))
            return
        conflicts = 0
        if self.types[column.name] == self.types[source]:
            conflicts = self.transaction.fetch_value(
                f'select count(*) from {self.quoted} where "{source}" is not null '
                f'and "{column.name}" is not null and "{source}" <> "{column.name}"'
            )
            if not conflicts:
                text = f"got the values of {source}, which is gone"
                self.found.append(ColumnChange(column.name, text, "fill", before, column))
                return
        problem = f"both have a value in {conflicts} rows" if conflicts else "their types differ"
        self._refuse(
            f"the column {column.name} has renamed_from: {source}, but the table has both columns, and {problem}; "
            "remove renamed_from to keep both",
            {column.name},
        )

    def _change_type(self, column: Column, source: str) -> None:
        if self.types[source] == self.transaction.type_of(column) or column.name in self.refused:
            return
        before = evolved_column(column.name, self.hints.get(source, {}))
        there = type_text(before)
        if there == type_text(column):
            there = self.types[source]
        text = f"{there} became {type_text(column)}"
        zone = self.shop.timezone_of(self.resource)
        if self.resource.write_disposition == "replace":
            self.found.append(ColumnChange(column.name, text, "empty", before, column))
            return
        if widens(before, column, zone):
            self.found.append(ColumnChange(column.name, text, "widen", before, column))
            return
        stored = before.model_copy(update={"name": source})
        distinct = self.resource.write_disposition == "merge" and column.name in self._key
        converted = converted_values(self.transaction, self.quoted, stored, column, zone, distinct=distinct)
        if converted.wrong and self.discard and column.name not in self._compared:
            text += f"; {len(converted.wrong)} different values became null"
            self.found.append(
                ColumnChange(column.name, text, "convert", before, column, converted.without_wrong())
            )
            return
        if converted.wrong:
            reason = (
                f"the column {column.name} is {there} in the warehouse and {type_text(column)} in the declaration, "
                f"and {len(converted.wrong)} of its {converted.count} different values cannot become "
                f"{type_text(column)} without a loss"
            )
            self._refuse(reason, {column.name})
            rows = f"{key_expression(self.transaction, stored)} in (select _dlt_old from ecom_wrong)"
            whole = column.name in self._compared
            self.misfits.append(Misfit(reason, rows, converted.wrong_values(), whole))
            return
        self.found.append(ColumnChange(column.name, text, "convert", before, column, converted.values))

    def _change_nullability(self, column: Column, source: str) -> None:
        allows_null = self.hints.get(source, {}).get("nullable", True)
        was_nullable = (self.last.columns or {}).get(source)
        if not allows_null and column.nullable:
            self.found.append(ColumnChange(column.name, "may be null now", "relax"))
        elif was_nullable is True and not column.nullable:
            self.found.append(
                ColumnChange(
                    column.name,
                    "must not be null from now on; schema_nullability finds the rows that are there with a null",
                )
            )

    def _protect(self, sources: Mapping[str, str | None]) -> None:
        """Note columns whose stored values have another protection, or were read in another time zone."""
        dropped = {
            column.name: column.name for column in self.resource.declared_columns if column.pii == "drop"
        }
        known = {name: name for name in self.last.protection or {} if name in self.types}
        there = {name: source for name, source in dropped.items() if source in self.types}
        for change in protection_changes(
            self.transaction, self.shop, self.resource, self.quoted, {**known, **there, **sources}, self.last
        ):
            if change.plain:
                self.plain[change.column] = change.plain
            if change.refused and not (change.plain and self.migrates):
                self._refuse(f"the column {change.column} of the key: {change.text}", {change.column})
            else:
                self.found.append(ColumnChange(change.column, change.text))

    @property
    def _key(self) -> set[str]:
        """Return the columns of the key, and those with the key of a parent."""
        roots = root_key_columns(self.shop, self.resource) if self.resource.parent else ()
        return {*self.resource.primary_key, *roots}

    @property
    def _compared(self) -> set[str]:
        """Return the columns by which rows are found. Without a value in them, a row is of no use."""
        return {*self._key, *([self.resource.cursor.name] if self.resource.cursor else [])}

    def _keep(self, used: set[str]) -> None:
        """Note the columns of the table that no declared column is any more. They stay."""
        for name, hint in self.hints.items():
            if name in used or name.startswith("_dlt"):
                continue
            if name in self.plain and hint.get("nullable", True):
                continue
            was_declared = name in (self.last.columns or {})
            text = "no longer declared: kept; null in new rows unless the API sends an undeclared field of this name"
            if not hint.get("nullable", True):
                self.found.append(ColumnChange(name, text, "relax"))
            elif was_declared:
                self.found.append(ColumnChange(name, text))

    def _refuse(self, reason: str, columns: Iterable[str]) -> None:
        self.refusals.append(reason)
        self.refused |= set(columns)


def _with_declared_type(shop: Shop, resource: Resource, column: Column) -> Column | None:
    """Return a column with its declared type, None if it follows from the records.

    An undeclared column with a value of the parent's record has the type of the parent's column.
    """
    if column not in resource.columns or not column.inferred:
        return column if column in resource.columns else None
    if resource.parent is None or not resource.comes_from_parent(column):
        return None
    parent, path = shop.resource(resource.parent), resource.path_in_parent(column)
    source = next((entry for entry in parent.columns if entry.path == path), None)
    declared = source and _with_declared_type(shop, parent, source)
    return column.with_type(declared) if declared else None
