"""A proved slice sorted into its windows, and judged table by table.

How a record is judged is `contract`'s; what is counted is `tally`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ecom_assets.contract.contract import Contract, ContractResult
from ecom_assets.contract.conversion import convert, cursor_instants
from ecom_assets.contract.duplicates import superseded_rows
from ecom_assets.contract.nested_values import explode, values_at
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.windows import Slice, window_request
from ecom_assets.foundation.errors import ApiError
from ecom_assets.foundation.progress import OnProgress

_DIGITS = str.maketrans("123456789", "000000000")
_SECONDS = len("2026-01-01T00:00:00")
_IN_UTC = re.compile(r"0000-00-00T00:00:00(\.0{1,6})?Z")


@dataclass(frozen=True)
class AssignedRecords:
    """A slice's records, and of each the position of its window in the slice (0 in a snapshot).

    `roots` are the records of the root that they come from: they themselves unless they are a child's.
    """

    part: Slice
    records: list[Any]
    windows: Sequence[int]
    roots: list[Any]


def assign_windows(
    shop: Shop,
    resource: Resource,
    part: Slice,
    records: list[Any],
    on_progress: OnProgress = lambda text: None,
) -> AssignedRecords:
    """Return the records that lie in the slice, each with its window.

    Left out is what an inclusive or coarse parameter brought along. A record without a usable cursor goes to
    the first window, whose contract will reject it. Raises ApiError when records lie where the API was not
    asked for any: it ignores the window's parameters, or its windows have other records than the cursors say, so
    that the window before may lack these. It is said when the next window may lack some.
    """
    if part.start is None or part.end is None or not records:
        return AssignedRecords(part, records, [0] * len(records), records)
    if len(part.windows) == 1 and _all_within(resource, records, part):
        return AssignedRecords(part, records, [0] * len(records), records)
    incremental = shop.incremental_of(resource.name)
    moments = cursor_instants_of(shop, resource, records)
    asked = window_request(part, incremental)
    for limit, beyond, furthest, side, param in (
        (asked.low, pc.less, pc.min, "before", incremental.start_param),
        (asked.high, pc.greater, pc.max, "after", incremental.end_param),
    ):
        if limit and (count := pc.sum(beyond(moments, pa.scalar(limit, moments.type))).as_py()):
            raise ApiError(
                f"{resource.name}: {count} of {len(records)} records lie outside of the window that was asked for: "
                f"the API ignores {param or incremental.parameter_names}, or rounds what it compares, "
                f"for the furthest is of {furthest(moments).as_py().isoformat()}, {side} {limit.isoformat()}; "
                "declare server_filter: false, or the parameter that it knows, or the format and the timezone "
                "in which it reads it"
            )
    if asked.excluded and (
        count := pc.sum(pc.greater_equal(moments, pa.scalar(asked.excluded, moments.type))).as_py()
    ):
        on_progress(
            f"{resource.name}: {count} records of {asked.excluded.isoformat()} or later came, which bounds '[)' leave "
            "out: declare bounds '[]' if the API includes the end, or '()' if it rounds instants or compares them as "
            "texts, or the next window may lack them"
        )
    if len(part.windows) == 1:
        inside = pc.and_(
            pc.greater_equal(moments, pa.scalar(part.start, moments.type)),
            pc.less(moments, pa.scalar(part.end, moments.type)),
        )
        chosen = pc.indices_nonzero(pc.fill_null(inside, True)).to_pylist()
        if len(chosen) < len(records):
            records = [records[row] for row in chosen]
        return AssignedRecords(part, records, [0] * len(records), records)
    kept, windows = [], []
    for record, moment in zip(records, moments.to_pylist(), strict=True):
        window = 0 if moment is None else part.window_of(moment)
        if window is not None:
            kept.append(record)
            windows.append(window)
    return AssignedRecords(part, kept, windows, kept)


def _all_within(resource: Resource, records: Sequence[Any], part: Slice) -> bool:
    """Tell whether all cursors are texts that surely lie in the slice, as they mostly do.

    Of one shape, in UTC and with all digits, they are in the order of their instants. One that is none, such as a
    thirteenth month, goes to the slice's one window anyway.
    """
    cursor = resource.cursor
    if cursor is None or cursor.data_type != "timestamp" or part.start is None or part.end is None:
        return False
    values = values_at(records, cursor.path)[0]
    try:
        shape = values[0].translate(_DIGITS)
        if _IN_UTC.fullmatch(shape) is None or set(map(len, values)) != {len(shape)}:
            return False
        if "".join(values).translate(_DIGITS) != shape * len(values):
            return False
    except (AttributeError, TypeError):
        return False
    if part.start.microsecond or part.end.microsecond:
        return False
    low, high = part.start.isoformat()[:_SECONDS], part.end.isoformat()[:_SECONDS]
    return bool(low <= min(values) and max(values)[:_SECONDS] < high)


def cursor_instants_of(shop: Shop, resource: Resource, records: Sequence[Any]) -> pa.Array:
    """Return the instants that tell the window of an endpoint's records, null where the cursor is of no use."""
    cursor = resource.cursor
    if cursor is None:
        raise LookupError(f"{resource.name} is not windowed")
    values = values_at(records, cursor.path)[0]
    return cursor_instants(values, cursor, shop.incremental_of(resource.name).timezone)


def apply_contract(
    shop: Shop, contract: Contract, metrics: LoadMetrics, batches: Sequence[AssignedRecords]
) -> ContractResult:
    """Return what becomes of the rows of one table in some slices, and count them.

    Rows of one key are told apart within a slice only; which one stays of two slices' is the load's.

    The tally also gets the keys of the roots of a child's rows, whose former rows are to go, and of a windowed
    resource the keys and cursors of the roots. Raises ContractBroken where the contract does not allow a row to
    be left out.
    """
    resource = metrics.resource
    root = shop.root_of(resource)
    # the cursor may be part of the key
    state = list(dict.fromkeys([*root.primary_key, root.cursor.name])) if root.cursor else []
    parts = [batch.part for batch in batches]
    records = roots = [record for batch in batches for record in batch.records]
    if resource.parent is not None:
        roots = [record for batch in batches for record in batch.roots]
    first = list(accumulate((len(part.windows) or 1 for part in parts), initial=0))
    windows = [
        before + window for before, batch in zip(first, batches, strict=False) for window in batch.windows
    ]
    lists = None
    if len(batches) > 1:
        lists = [place for place, batch in enumerate(batches) for _ in batch.records]
    refused: dict[int, str] = {}
    if resource.rows_from is not None:
        parent = shop.parent_of(resource)
        lost = superseded_records(shop, parent, records, lists)
        records, positions = explode(records, resource, parent)
        windows = [windows[position] for position in positions]
        lists = lists and [lists[position] for position in positions]
        refused = {
            row: f"of an outdated record of {parent.name}: another one of its primary key was read"
            for row, position in enumerate(positions)
            if position in lost
        }
    contracted = contract.apply(records, refused, lists)
    metrics.add(parts, windows, contracted)
    if resource.parent is None:
        if state:
            metrics.add_root_states(parts, pa.table(contracted.kept.select(state).columns, names=state))
    elif state:
        metrics.root_keys.append(_keys_of_roots(shop, contract, roots))
        states = Contract(root, timezone=shop.timezone_of(root)).columns_of(roots, state)
        metrics.add_root_states(parts, states, contracted.kept)
    return contracted


def superseded_records(
    shop: Shop, resource: Resource, records: Sequence[Any], lists: Sequence[int] | None = None
) -> set[int]:
    """Return the positions of an endpoint's records that another one of their primary key takes the place of.

    `lists` tell of each record which list it is from, where there are several.
    """
    zone = shop.timezone_of(resource)
    keys = [
        convert(values_at(records, column.path)[0], column, zone).array
        for column in map(resource.column, resource.primary_key)
    ]
    cursor = cursor_instants_of(shop, resource, records) if resource.cursor else None
    valid = reduce(pc.and_, [pc.is_valid(key) for key in keys])
    taken = pc.indices_nonzero(valid)
    rows = taken.to_pylist()
    lost = superseded_rows(
        [key.take(taken) for key in keys],
        cursor.take(taken) if cursor is not None else None,
        lists and [lists[row] for row in rows],
    )
    return {rows[place] for place in lost}


def root_key(shop: Shop, resource: Resource) -> dict[str, str]:
    """Return the columns of a child's table that hold the key of the record of the root that they are from.

    Each with the column of the root's table that it is equal to.
    """
    root = shop.root_of(resource)
    fields = {root.column(name).path: name for name in root.primary_key}
    names = {inside: fields[path] for inside, path in shop.root_keys(resource).items()}
    return {column.name: names[column.path] for column in resource.columns if column.path in names}


def _keys_of_roots(shop: Shop, contract: Contract, roots: Sequence[Any]) -> pa.Table:
    """Return the primary keys of the root's records, in the columns and types of a child's table."""
    root = shop.root_of(contract.resource)
    fields = {name: root.column(field).path for name, field in root_key(shop, contract.resource).items()}
    records = [record for record in roots if isinstance(record, dict)]
    return contract.columns_of(records, list(fields), fields)
