"""A proved slice sorted into its windows, and judged table by table.

How a record is judged is `contract`'s; what is counted is `tally`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.ingest.contract import Contract, Contracted, explode, instants
from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.ingest.errors import ApiError
from ecom_assets.ingest.keys import value_at
from ecom_assets.ingest.tally import Tally
from ecom_assets.ingest.windows import Slice, ask


@dataclass(frozen=True)
class Batch:
    """A slice's records, and of each the position of its window in the slice (0 in a snapshot).

    `roots` are the records of the root that they come from: they themselves unless they are a child's.
    """

    part: Slice
    records: list[Any]
    windows: Sequence[int]
    roots: list[Any]


def sort(shop: Shop, resource: Resource, part: Slice, records: list[Any]) -> Batch:
    """Return the records that lie in the slice, each with its window.

    Left out is what an inclusive or coarse parameter brought along. A record without a usable cursor goes to
    the first window, whose contract will reject it. Raises ApiError when records lie where the API was not
    asked for any, which shows that it ignores the window's parameters.
    """
    if part.start is None or part.end is None or not records:
        return Batch(part, records, [0] * len(records), records)
    incremental = shop.incremental_of(resource.name)
    path = incremental.cursor_path.split(".")
    moments = instants([value_at(record, path) for record in records], incremental.timezone)
    asked = ask(part, incremental)
    for beyond, params in (
        (
            asked.low and pc.less(moments, pa.scalar(asked.low, moments.type)),
            incremental.start_param or incremental.asked_by,
        ),
        (
            asked.high and pc.greater(moments, pa.scalar(asked.high, moments.type)),
            incremental.end_param or incremental.asked_by,
        ),
    ):
        if beyond and (count := pc.sum(beyond).as_py()):
            raise ApiError(
                f"{resource.name}: {count} of {len(records)} records lie outside of the window that was asked for: "
                f"the API ignores {params}; declare server_filter: false, or the parameter that it knows"
            )
    inside = pc.and_(
        pc.greater_equal(moments, pa.scalar(part.start, moments.type)),
        pc.less(moments, pa.scalar(part.end, moments.type)),
    )
    if len(part.windows) == 1 and pc.all(pc.fill_null(inside, True)).as_py():
        return Batch(part, records, [0] * len(records), records)
    kept, windows = [], []
    for record, moment in zip(records, moments.to_pylist(), strict=True):
        window = 0 if moment is None else part.window_of(moment)
        if window is not None:
            kept.append(record)
            windows.append(window)
    return Batch(part, kept, windows, kept)


def judge(shop: Shop, contract: Contract, tally: Tally, batch: Batch) -> Contracted:
    """Return what becomes of the rows of one table in a slice, and count them.

    The tally also gets the keys of the roots of a child's rows, whose former rows are to go. Raises
    ContractBroken where the contract does not allow a row to be left out.
    """
    resource = tally.resource
    records, windows = batch.records, batch.windows
    if resource.rows_from is not None:
        records, positions = explode(batch.records, resource, shop.parent_of(resource))
        windows = [batch.windows[position] for position in positions]
    contracted = contract.apply(records)
    tally.add(batch.part, windows, contracted)
    if resource.parent is not None and resource.windowed:
        tally.parents.append(_keys_of_roots(shop, contract, batch.roots))
    return contracted


def _keys_of_roots(shop: Shop, contract: Contract, roots: list[Any]) -> pa.Table:
    """Return the primary keys of the root's records, in the columns and types of a child's table."""
    keys = shop.root_keys(contract.resource)
    names = [column.name for column in contract.resource.columns if column.path in keys]
    # each record as far as a child's record would have it
    carried = [
        {inside[0]: record.get(path[0]) for inside, path in keys.items()}
        for record in roots
        if isinstance(record, dict)
    ]
    return contract.columns_of(carried, names)
