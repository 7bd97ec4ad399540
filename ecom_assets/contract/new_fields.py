"""Fields that no declaration names: finding them in records, and what type of column each would be.

What becomes of them is `contract`'s, as `schema_contract` says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from dlt.common.normalizers.naming import snake_case

from ecom_assets.contract.conversion import convert
from ecom_assets.declaration.column_types import (
    COLUMN_TYPES,
    DEFAULT_PRECISION,
    DEFAULT_SCALE,
    DataType,
)
from ecom_assets.declaration.reading import Column
from ecom_assets.foundation.json_text import json_text

_NAMING = snake_case.NamingConvention(max_length=255)
_DEEPEST = 16
"""Objects nested deeper than this stay whole, as JSON."""
_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)")

Known = dict[str, Any]
"""Declared paths as a tree: a name leads to the names below it, or to None where all below is known."""


def known_fields(paths: Iterable[Sequence[str]]) -> Known:
    """Return the tree of declared paths."""
    tree: Known = {}
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


def unknown_fields(records: Sequence[Any], known: Known) -> tuple[dict[str, list[Any]], dict[str, int]]:
    """Return the values, one per record, of each undeclared field by its column name, and how many got lost.

    An object becomes its fields, `a__b`; a list stays whole. Fields that are null everywhere are left out. Of two
    fields whose names become one, a record's first one that is not null counts, and another value is lost.
    """
    found: dict[str, list[Any]] = {}
    lost: dict[str, int] = {}
    _collect(records, known, (), found, lost)
    return found, lost


def _collect(
    records: Sequence[Any],
    known: Mapping[str, Any],
    way: tuple[str, ...],
    found: dict[str, list[Any]],
    lost: dict[str, int],
) -> None:
    """Add what lies below one object; what is None or no object in `records` has no fields here."""
    objects = [record for record in records if type(record) is dict]
    names: set[str] = set().union(*objects) if objects else set()
    for name in sorted(names - {name for name, below in known.items() if below is None}):
        values = [record.get(name) if type(record) is dict else None for record in records]
        path = (*way, _NAMING.normalize_identifier(name) if name.strip() else "x")
        if len(path) < _DEEPEST and any(type(value) is dict for value in values):
            _collect(values, known.get(name, {}), path, found, lost)
            values = [None if type(value) is dict and value else value for value in values]
        if name in known or not any(value is not None for value in values):
            continue
        # the name that dlt would make of it, so that dlt and the warehouse leave it as it is
        column = _NAMING.normalize_path("__".join(path))
        before = found.get(column)
        if before is not None:
            pairs = list(zip(before, values, strict=True))
            clashes = sum(old is not None and new is not None and old != new for old, new in pairs)
            if clashes:
                lost[column] = lost.get(column, 0) + clashes
            values = [old if old is not None else new for old, new in pairs]
        found[column] = values


def inferred(name: str, values: Collection[Any]) -> Column:
    """Return a nullable column that takes all of these values, which are not all null."""
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
    """Return the column that dlt's hint describes; its name was made by dlt, so it is not checked again."""
    known = hint.get("data_type", "text")
    data_type = cast(DataType, "text" if known == "wei" else known)
    sized = COLUMN_TYPES[data_type].has_size
    return Column.model_construct(
        name=name,
        data_type=data_type,
        precision=(hint.get("precision") or DEFAULT_PRECISION) if sized else None,
        scale=(DEFAULT_SCALE if hint.get("scale") is None else hint["scale"]) if sized else None,
    )


def as_text(values: Sequence[Any]) -> list[Any]:
    """Return values for a column of text: what is no text as JSON."""
    return [value if value is None or type(value) is str else json_text(value) for value in values]
