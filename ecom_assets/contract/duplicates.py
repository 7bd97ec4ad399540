"""Duplicates: rows, or records, with the same primary key, and which of them are superseded.

Keys are compared as values of their columns. So `"1"` and `1` are the same whole number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.contract.conversion import convert, cursor_instants
from ecom_assets.contract.nested_values import values_at
from ecom_assets.declaration.reading import Resource, Shop


def superseded_rows(
    keys: Sequence[pa.Array], cursor: pa.Array | None, groups: Sequence[int] | None = None
) -> list[int]:
    """Return the positions, in order, of rows that another row with the same key supersedes.

    The row with the greatest cursor stays; of several such rows, the last one. Null is less than any cursor.

    Args:
        keys: The columns of the primary key.
        cursor: The column of the cursor, if there is one.
        groups: The number of each row's group. Rows of different groups do not supersede each other. Without it,
            all rows are one group.
    """
    row_count = len(keys[0])
    if len(keys) == 1:
        distinct = pc.count_distinct(keys[0], mode="all").as_py()
    else:
        names = [str(position) for position in range(len(keys))]
        distinct = pa.table(list(keys), names=names).group_by(names).aggregate([]).num_rows
    if distinct == row_count:
        return []
    instants: list[Any] = [None] * row_count if cursor is None else cursor.to_pylist()
    latest: dict[tuple[Any, ...], int] = {}
    superseded: list[int] = []
    values: list[Sequence[Any]] = [array.to_pylist() for array in keys]
    if groups is not None:
        values.append(groups)
    for position, key in enumerate(zip(*values, strict=True)):
        other = latest.setdefault(key, position)
        if other == position:
            continue
        newer = instants[other] is None or (
            instants[position] is not None and instants[position] >= instants[other]
        )
        latest[key] = position if newer else other
        superseded.append(other if newer else position)
    return sorted(superseded)


def superseded_records(
    shop: Shop, resource: Resource, records: Sequence[Any], groups: Sequence[int] | None = None
) -> set[int]:
    """Return the positions of an endpoint's records that another record with the same key supersedes.

    A record without a usable key supersedes no other record, and none supersedes it.

    Args:
        shop: The declared shop.
        resource: The resource with the endpoint.
        records: The records.
        groups: The number of each record's group, as in `superseded_rows`.
    """
    zone = shop.timezone_of(resource)
    keys = [
        convert(values_at(records, column.path)[0], column, zone).array
        for column in map(resource.column, resource.primary_key)
    ]
    cursor = None
    if resource.cursor:
        cursor = cursor_instants(values_at(records, resource.cursor.path)[0], resource.cursor, zone)
    has_key = reduce(pc.and_, [pc.is_valid(key) for key in keys])
    with_key = pc.indices_nonzero(has_key)
    positions = with_key.to_pylist()
    superseded = superseded_rows(
        [key.take(with_key) for key in keys],
        cursor.take(with_key) if cursor is not None else None,
        groups and [groups[position] for position in positions],
    )
    return {positions[row] for row in superseded}
