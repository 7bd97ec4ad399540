"""Rows of one primary key: which of them stays.

The keys are compared as their columns have them, so that `"1"` and `1` are the same whole number. Records that
two pages bring alike are `pagination`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def superseded_rows(
    keys: Sequence[pa.Array], cursor: pa.Array | None, lists: Sequence[int] | None = None
) -> list[int]:
    """Return the positions of rows whose key another row has too, which stays in their place, in order.

    It is the row with the greatest `cursor`, and of those the last one; null is less than any cursor. With
    `lists`, which tell of each row the list that it is from, rows of different lists do not meet.
    """
    rows = len(keys[0])
    if len(keys) == 1:
        distinct = pc.count_distinct(keys[0], mode="all").as_py()
    else:
        names = [str(position) for position in range(len(keys))]
        distinct = pa.table(list(keys), names=names).group_by(names).aggregate([]).num_rows
    if distinct == rows:
        return []
    moments: list[Any] = [None] * rows if cursor is None else cursor.to_pylist()
    best: dict[tuple[Any, ...], int] = {}
    lost: list[int] = []
    values: list[Sequence[Any]] = [array.to_pylist() for array in keys]
    if lists is not None:
        values.append(lists)
    for position, key in enumerate(zip(*values, strict=True)):
        other = best.setdefault(key, position)
        if other == position:
            continue
        newer = moments[other] is None or (
            moments[position] is not None and moments[position] >= moments[other]
        )
        best[key] = position if newer else other
        lost.append(other if newer else position)
    return sorted(lost)
