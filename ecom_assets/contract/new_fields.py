"""New fields: undeclared fields of records, and the type that a column of their values has."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from dlt.common.schema.typing import TColumnSchema

from ecom_assets.contract.column_names import FieldPath
from ecom_assets.contract.conversion import convert
from ecom_assets.declaration.column_types import (
    COLUMN_TYPES,
    DEFAULT_PRECISION,
    DEFAULT_SCALE,
    DataType,
)
from ecom_assets.declaration.reading import Column, Resource
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.json_text import json_text

_NAMED_FIELDS = 5
"""How many undeclared fields an error names."""
DEEPEST = 16
"""An object nested deeper than this stays one JSON value."""
_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)")

KnownFields = dict[str, Any]
"""Declared paths as a tree. A name leads to the tree below it, or to None if everything below it is known."""


class TooManyFields(Exception):
    """Records have more undeclared fields than the caller takes."""


def known_fields(paths: Iterable[Sequence[str]]) -> KnownFields:
    """Return declared paths as a tree."""
    tree: KnownFields = {}
    for path in paths:
        node = tree
        for name in path[:-1]:
            below = node.setdefault(name, {})
            if below is None:
                break
            node = below
        else:
            node[path[-1]] = None
    return tree


def unknown_fields(
    records: Sequence[Any],
    known: KnownFields,
    *,
    flatten: bool = True,
    stays_whole: Callable[[FieldPath], bool] | None = None,
    most: int | None = None,
) -> dict[FieldPath, list[Any]]:
    """Return the undeclared fields of records: the values of each, one a record, by its path.

    An object becomes its fields. A list stays one value. A field that is null everywhere has no values.

    Args:
        records: The records.
        known: The declared paths.
        flatten: Whether an object becomes its fields.
        stays_whole: Tells whether the object at a path stays one value nevertheless.
        most: The most fields with values that the caller takes.

    Raises:
        TooManyFields: There may be more than `most` fields.
    """
    collected = _Collected(DEEPEST if flatten else 1, stays_whole, most)
    _collect_fields(records, known, (), collected)
    return collected.found


@dataclass
class _Collected:
    """The fields that were found so far, and how to look for more."""

    deepest: int
    stays_whole: Callable[[FieldPath], bool] | None
    most: int | None
    found: dict[FieldPath, list[Any]] = field(default_factory=dict)
    filled: int = 0

    def check(self, more: int = 0) -> None:
        """Raise TooManyFields if there are too many fields, with `more` of them."""
        if self.most is not None and max(self.filled, more) > self.most:
            raise TooManyFields


def _collect_fields(
    records: Sequence[Any],
    known: Mapping[str, Any],
    parent: FieldPath,
    collected: _Collected,
) -> None:
    """Add the undeclared fields of one object. An entry of `records` that is no object has no fields here."""
    objects = [record for record in records if type(record) is dict]
    names: set[str] = set().union(*objects) if objects else set()
    names -= {name for name, below in known.items() if below is None}
    collected.check(len(names))
    for name in sorted(names):
        values = [record.get(name) if type(record) is dict else None for record in records]
        path, below = (*parent, name), known.get(name, {})
        flattens = len(path) < collected.deepest and not (
            collected.stays_whole
            and any(type(value) is dict for value in values)
            and collected.stays_whole(path)
        )
        if (flattens or below) and any(type(value) is dict for value in values):
            _collect_fields(values, below, path, collected)
            values = [None if type(value) is dict and value else value for value in values]
        if name in known:
            continue
        is_filled = any(value is not None for value in values)
        collected.found[path] = values if is_filled else []
        collected.filled += is_filled
        collected.check()


def infer_column(name: str, values: Collection[Any]) -> Column:
    """Return a nullable column whose type all of these values convert to. At least one value is not null."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    candidates: list[DataType]
    if kinds & {dict, list}:
        return evolved_column(name, {"data_type": "json"})
    if kinds == {str}:
        whole = all(_WITH_OFFSET.fullmatch(value) for value in present)
        candidates = ["timestamp", "text"] if whole else ["text"]
    elif kinds == {bool}:
        candidates = ["bool"]
    elif kinds == {int}:
        candidates = ["bigint", "decimal"]
    elif kinds <= {int, float}:
        candidates = ["double"]
    elif kinds <= {int, float, Decimal}:
        candidates = ["decimal"]
    else:
        candidates = []
    for data_type in candidates:
        column = evolved_column(name, {"data_type": data_type})
        if not convert(present, column).wrong:
            return column
    return evolved_column(name, {"data_type": "text"})


def evolved_column(name: str, hint: Mapping[str, Any]) -> Column:
    """Return the column that a hint of dlt describes. dlt made its name, so the name is not checked.

    A type of dlt's that this project does not have is read as text.
    """
    name_by_dlt = hint.get("data_type")
    data_type = cast(DataType, name_by_dlt if name_by_dlt in COLUMN_TYPES else "text")
    sized = COLUMN_TYPES[data_type].has_size
    return Column.model_construct(
        name=name,
        data_type=data_type,
        precision=(hint.get("precision") or DEFAULT_PRECISION) if sized else None,
        scale=(DEFAULT_SCALE if hint.get("scale") is None else hint["scale"]) if sized else None,
    )


def as_text(values: Sequence[Any]) -> list[Any]:
    """Return values for a text column: a value that is no text becomes JSON."""
    return [value if value is None or type(value) is str else json_text(value) for value in values]


def column_hint(column: Column) -> TColumnSchema:
    """Return dlt's hint of one column."""
    hint: TColumnSchema = {"data_type": column.data_type, "nullable": column.nullable}
    if COLUMN_TYPES[column.data_type].has_size:
        hint["precision"], hint["scale"] = column.precision, column.scale
    if column.description:
        hint["description"] = column.description
    return hint


def undeclared_error(resource: Resource, unknown: Sequence[str]) -> ContractBroken:
    """Return the error for undeclared fields that `schema_contract.columns: freeze` does not allow."""
    names = ", ".join(unknown[:_NAMED_FIELDS]) + (", …" if len(unknown) > _NAMED_FIELDS else "")
    allowed = "declared columns" if resource.declared_columns else "columns of the table"
    return ContractBroken(
        f"{resource.name}: found the undeclared fields {names}; allowed are the {allowed}, because "
        "schema_contract.columns is freeze: declare them, or choose evolve or discard_value"
    )
