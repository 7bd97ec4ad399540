"""The limit of new columns: an object whose names are data, such as SKUs, must not become thousands of columns.

The usual case costs nothing. The new columns are counted only where the records have more names than columns may come.
Counting looks at each value once, however many names there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecom_assets.contract.column_names import ColumnNames, FieldPath, plain_name
from ecom_assets.contract.new_fields import DEEPEST, KnownFields, TooManyFields, unknown_fields
from ecom_assets.declaration.reading import Column, Resource
from ecom_assets.foundation.errors import ContractBroken


@dataclass
class _Field:
    """What the records have at one path: an object with further fields, a value that becomes a column, or both."""

    below: dict[str, _Field] = field(default_factory=dict)
    is_column: bool = False

    def new_columns(self, path: FieldPath, is_new: Callable[[FieldPath], bool]) -> int:
        """Return how many of the field and those below it become a new column."""
        own = self.is_column and is_new(path)
        return own + sum(entry.new_columns((*path, name), is_new) for name, entry in self.below.items())

    def objects(self, path: FieldPath) -> Iterator[tuple[FieldPath, _Field]]:
        """Yield the objects below this one that become columns."""
        for name, entry in self.below.items():
            if entry.below:
                yield (*path, name), entry
                yield from entry.objects((*path, name))


class ColumnLimit:
    """Returns the undeclared fields of records, as many as a table may have as columns."""

    def __init__(self, resource: Resource, names: ColumnNames) -> None:
        """Take the resource, whose `max_new_columns` is the limit, and the names of its undeclared columns."""
        self._resource = resource
        self._names = names
        self._declared = frozenset(column.name for column in resource.table_columns)
        self._json: set[FieldPath] = set()
        """The objects that stay one JSON column each."""

    def fields_of(
        self, rows: Sequence[Any], known: KnownFields, evolved: Mapping[str, Column], *, evolves: bool
    ) -> dict[FieldPath, list[Any]]:
        """Return the undeclared fields of records, as `unknown_fields` does.

        Args:
            rows: The records.
            known: The declared paths.
            evolved: The undeclared columns that the table has.
            evolves: Whether an undeclared field becomes a column. Otherwise there is no limit.

        Raises:
            ContractBroken: More columns would come than the resource allows.
        """
        flatten = self._resource.max_table_nesting is None
        if not evolves:
            return unknown_fields(rows, known, flatten=flatten)
        is_json = self._stays_json(evolved)
        most = max(self._resource.max_new_columns, len(evolved))
        try:
            found = unknown_fields(
                rows, known, flatten=flatten, stays_whole=is_json, most=most + len(self._declared)
            )
            new = sum(self._is_new(path, evolved) for path, values in found.items() if values)
            if len(evolved) + new <= most:
                return found
        except TooManyFields:
            pass
        self._reduce(rows, known, evolved, flatten)
        return unknown_fields(rows, known, flatten=flatten, stays_whole=self._stays_json(evolved))

    def _is_new(self, path: FieldPath, evolved: Mapping[str, Column]) -> bool:
        """Tell whether a field becomes a column that the table does not have."""
        return plain_name(path) not in self._declared and self._names.name_for(path) not in evolved

    def _stays_json(self, evolved: Mapping[str, Column]) -> Any:
        """Return the function that tells whether the object at a path stays one JSON column.

        An object that did so in an earlier load does so again, also if few of its names come.
        """
        if self._resource.beyond_max_new_columns != "json":
            return None
        columns = {name for name, column in evolved.items() if column.data_type == "json"}
        return lambda path: path in self._json or (bool(columns) and self._names.name_for(path) in columns)

    def _reduce(
        self, rows: Sequence[Any], known: KnownFields, evolved: Mapping[str, Column], flatten: bool
    ) -> None:
        """Let the objects with the most names stay JSON until the columns are few enough."""
        records = [row for row in rows if type(row) is dict]
        root = _fields_of(records, known, (), DEEPEST if flatten else 1, self._stays_json(evolved))

        def is_new(path: FieldPath) -> bool:
            return self._is_new(path, evolved)

        new = root.new_columns((), is_new)
        limit = self._resource.max_new_columns
        largest = sorted(root.objects(()), key=lambda entry: (-len(entry[1].below), entry[0]))
        while new and len(evolved) + new > limit:
            path, entry = largest.pop(0) if largest else ((), root)
            if any(path[:depth] in self._json for depth in range(1, len(path))):
                continue
            keeps_json = self._resource.beyond_max_new_columns == "json"
            if not keeps_json or not path or len(entry.below) < 2:
                raise self._error(largest_object(root, path, entry), len(evolved), new)
            self._json.add(path)
            new += is_new(path) - entry.new_columns(path, is_new)

    def _error(self, largest: tuple[FieldPath, int], before: int, new: int) -> ContractBroken:
        path, names = largest
        allowed = f"allowed are {self._resource.max_new_columns} (max_new_columns)"
        table = f"the table has {before} undeclared columns" if before else "the table has none"
        if not path:
            return ContractBroken(
                f"{self._resource.name}: the records have {names} undeclared fields, which would become {new} new "
                f"columns; {table}, and {allowed}. Declare the columns, choose schema_contract.columns: "
                "discard_value, or raise max_new_columns"
            )
        name, column = ".".join(path), self._names.name_for(path)
        return ContractBroken(
            f"{self._resource.name}: the object {name} has {names} different names, and {new} new columns would come; "
            f"{table}, and {allowed}. If its names are data, such as ids, declare the column "
            f"{column}: {{data_type: json, path: {name}}}, or beyond_max_new_columns: json for all such objects. If "
            "they are fields, raise max_new_columns"
        )


def largest_object(root: _Field, path: FieldPath, entry: _Field) -> tuple[FieldPath, int]:
    """Return the path and the number of names of the larger one of an object and the record itself."""
    return (path, len(entry.below)) if len(entry.below) > len(root.below) else ((), len(root.below))


def _fields_of(
    objects: Sequence[dict[str, Any]],
    known: Mapping[str, Any],
    path: FieldPath,
    deepest: int,
    stays_whole: Any,
) -> _Field:
    """Return the undeclared fields of objects at a path that hold something in at least one of them."""
    found = _Field()
    nested: dict[str, list[dict[str, Any]]] = {}
    for entry in objects:
        for name, value in entry.items():
            if value is None or (name in known and known[name] is None):
                continue
            below = known.get(name)
            can_nest = len(path) + 1 < deepest or below
            if type(value) is dict and value and can_nest:
                nested.setdefault(name, []).append(value)
            elif name not in known:
                found.below.setdefault(name, _Field()).is_column = True
    for name, values in nested.items():
        here = (*path, name)
        if stays_whole and stays_whole(here):
            found.below.setdefault(name, _Field()).is_column = True
            continue
        below = _fields_of(values, known.get(name) or {}, here, deepest, stays_whole)
        if below.below:
            found.below.setdefault(name, _Field()).below = below.below
    return found
