"""Undeclared fields of records: which become new columns, which fill a declared one, and which are discarded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.contract.column_limit import ColumnLimit
from ecom_assets.contract.column_names import ColumnNames, FieldPath, plain_name
from ecom_assets.contract.nested_values import has_field
from ecom_assets.contract.new_fields import KnownFields, undeclared_error
from ecom_assets.declaration.reading import Column, Resource
from ecom_assets.declaration.table.column import default_path


@dataclass(frozen=True)
class SortedFields:
    """The undeclared fields of some records.

    Attributes:
        new: The values of the new columns, one a record, by column.
        respelled: The values of declared columns that all records write differently, by column.
        discarded: The number of discarded values, by column.
    """

    new: dict[str, list[Any]] = field(default_factory=dict)
    respelled: dict[str, list[Any]] = field(default_factory=dict)
    discarded: dict[str, int] = field(default_factory=dict)

    def discard(self, name: str, values: Sequence[Any]) -> None:
        """Count the values of a discarded field."""
        if count := sum(value is not None for value in values):
            self.discarded[name] = self.discarded.get(name, 0) + count


class UndeclaredFields:
    """Sorts the undeclared fields of one resource's records."""

    def __init__(self, resource: Resource, known: KnownFields, names: ColumnNames) -> None:
        """Take the resource, its declared paths, and the names of its undeclared columns."""
        self._resource = resource
        self._known = known
        self._names = names
        self._limit = ColumnLimit(resource, names)
        self._paths = {column.name: column.path for column in resource.columns}
        # as in dlt, a column also takes the field whose name becomes the column's, such as `customerName`. Personal
        # data is protected by its path, so there the name has to be exact
        self._respellable = {
            column.name
            for column in resource.columns
            if (column.path == default_path(column.name) or _is_own_key(resource, column)) and not column.pii
        }
        self._fixed = {column.name for column in resource.table_columns} - self._respellable
        # a column had this name before: its values are in the column with the new name
        self._former = {column.renamed_from for column in resource.columns if column.renamed_from}

    def of(self, rows: Sequence[Any], evolved: Mapping[str, Column], stored: Collection[str]) -> SortedFields:
        """Return the undeclared fields of records.

        Args:
            rows: The records.
            evolved: The undeclared columns that are known.
            stored: Those that the warehouse has.

        Raises:
            ContractBroken: The fields are not allowed, or more columns would come than the resource allows.
        """
        policy = self._resource.schema_contract.columns
        # as in dlt: the first records make the table, whatever the contract says
        makes_table = not (self._resource.declared_columns or stored)
        evolves = policy == "evolve" or makes_table
        found = self._limit.fields_of(rows, self._known, evolved, evolves=evolves)
        result = SortedFields()
        self._take_respelled(found, rows, result)
        fixed = {path: plain_name(path) for path in found if plain_name(path) in self._fixed}
        self._names.add(found.keys() - fixed.keys())
        names = {path: fixed.get(path) or self._names.of(path) for path, values in found.items() if values}
        unwanted = set(names.values()) - self._former if not evolves else set[str]()
        if not self._resource.declared_columns:
            unwanted -= set(stored)
        if unwanted and policy == "freeze":
            raise undeclared_error(self._resource, sorted(unwanted))
        for path, name in names.items():
            if name in unwanted or name in self._fixed or name in self._former:
                result.discard(name, found[path])
            else:
                result.new[name] = found[path]
        return result

    def _take_respelled(
        self, found: dict[FieldPath, list[Any]], rows: Sequence[Any], result: SortedFields
    ) -> None:
        """Move the values of declared columns whose own field no record has."""
        for path in list(found):
            name = plain_name(path)
            if (
                name in self._respellable - result.respelled.keys()
                and found[path]
                and not has_field(rows, self._paths[name])
            ):
                result.respelled[name] = found.pop(path)


def _is_own_key(resource: Resource, column: Column) -> bool:
    """Tell whether an undeclared column has its name from a field of the record in `primary_key`, such as `ID`."""
    is_key = column.inferred and column != resource.cursor and not resource.comes_from_parent(column)
    return is_key and plain_name(column.path) == column.name
