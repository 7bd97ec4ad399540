"""The contract of a table applied to the records of one or more slices, and the result counted by window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa

from ecom_assets.contract.contract import Contract
from ecom_assets.contract.duplicates import superseded_records
from ecom_assets.contract.nested_values import explode, has_field, values_at
from ecom_assets.contract.paged_lists import refuse_partial_lists, undeclared_rest
from ecom_assets.contract.result import OUTDATED, ContractResult
from ecom_assets.declaration.reading import Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.open_ended import CursorProgress
from ecom_assets.extract.processing import FailedRecord, rejections_of
from ecom_assets.extract.window_assignment import AssignedRecords

FILTERED = "records dropped by processing_steps"
"""The name under which the figures of a load count these records."""


def apply_contract(
    shop: Shop, contract: Contract, metrics: LoadMetrics, batch: Sequence[AssignedRecords]
) -> ContractResult:
    """Return the kept and the rejected rows of one table, and count them in its metrics.

    Rows with the same primary key are compared within one slice only. The load decides between rows of two slices.

    The metrics also get what the load needs to replace rows. For a child, these are the keys of its root records,
    whose former rows are deleted. For a windowed resource, these are the keys and cursors of its root records.

    Args:
        shop: The declared shop.
        contract: The contract of the table.
        metrics: The figures of the table.
        batch: The slices, each with the records of the table's endpoint.

    Raises:
        ContractBroken: The contract fails the table instead of rejecting a row.
    """
    resource = metrics.resource
    root = shop.root_of(resource)
    state_columns = list(root.primary_key) if root.has_load_id else []
    if root.cursor:
        # the cursor may be part of the primary key
        state_columns = list(dict.fromkeys([*root.primary_key, root.cursor.name]))
    slices = [assigned.slice_ for assigned in batch]
    records = roots = endpoint_records = [record for assigned in batch for record in assigned.records]
    positions: Sequence[int] = range(len(records))
    if resource.parent is not None:
        roots = [record for assigned in batch for record in assigned.roots]
    if root.processing_steps:
        roots = [record for record in roots if not isinstance(record, FailedRecord)]
    # positions of windows are counted through all slices of the batch
    first_windows = list(accumulate((len(slice_.windows) or 1 for slice_ in slices), initial=0))
    windows = [
        first + window
        for first, assigned in zip(first_windows, batch, strict=False)
        for window in assigned.windows
    ]
    groups = None
    if len(batch) > 1:
        groups = [position for position, assigned in enumerate(batch) for _ in assigned.records]
    parent = shop.parent_of(resource)
    rejections = rejections_of(records) if parent.processing_steps else {}
    if resource.rows_from is not None:
        failed = rejections
        superseded = superseded_records(shop, parent, records, groups)
        refuse_partial_lists(resource, records)
        if rest := undeclared_rest(resource, records):
            metrics.partial_lists.add(rest)
        if metrics.without_list is not None:
            is_there = has_field(records, resource.rows_from.path.split("."))
            metrics.without_list = None if is_there else metrics.without_list + len(records)
        records, positions = explode(records, resource, parent)
        windows = [windows[position] for position in positions]
        groups = groups and [groups[position] for position in positions]
        rejections = {
            row: f"{OUTDATED} of {parent.name}: another record with its primary key was read"
            for row, position in enumerate(positions)
            if position in superseded
        } | {
            row: f"of a record of {parent.name} that was rejected: {failed[position]}"
            for row, position in enumerate(positions)
            if position in failed
        }
    metrics.look_for_parent_fields(records)
    result = contract.apply(records, rejections, groups)
    metrics.add(slices, windows, result)
    if metrics.cursor:
        origins = endpoint_records if parent.name == root.name else None
        _add_cursors(metrics.cursor, roots, origins, positions, result)
    if resource.history and not resource.is_incremental and result.rejected:
        broken = [records[entry.row] for entry in result.rejected if isinstance(records[entry.row], dict)]
        metrics.add_rejected_keys(contract.columns_of(broken, resource.primary_key), len(result.rejected))
    if resource.rows_from is None and (filtered := sum(assigned.filtered for assigned in batch)):
        metrics.discarded[FILTERED] += filtered
    if resource.parent is None:
        if state_columns:
            states = pa.table(result.kept.select(state_columns).columns, names=state_columns)
            metrics.add_root_states(slices, states)
    elif state_columns and resource.write_disposition == "merge":
        metrics.root_keys.append(_root_keys(shop, contract, roots))
        states = Contract(root, timezone=shop.timezone_of(root)).columns_of(roots, state_columns)
        metrics.add_root_states(slices, states, result.kept)
    return result


def _add_cursors(
    progress: CursorProgress,
    roots: Sequence[Any],
    origins: Sequence[Any] | None,
    positions: Sequence[int],
    result: ContractResult,
) -> None:
    """Tell how far an open-ended reading came.

    Args:
        progress: Is told.
        roots: The root records that were read.
        origins: The records of the endpoint if it is the root's; None if nobody knows the root of a rejected record.
        positions: Of each record under the contract, the position of the endpoint's record that it comes from.
        result: What the contract made of the records.
    """
    path = progress.column.path
    rejected = [entry.row for entry in result.rejected if not entry.is_superseded]
    held: list[Any] = [None] * len(rejected)
    if origins is not None:
        held = values_at([origins[positions[row]] for row in rejected], path)[0]
    progress.add(values_at(roots, path)[0], held)


def _root_keys(shop: Shop, contract: Contract, roots: Sequence[Any]) -> pa.Table:
    """Return the primary keys of root records, in the columns and types of a child's table."""
    root = shop.root_of(contract.resource)
    columns = root_key_columns(shop, contract.resource)
    paths = {name: root.column(root_column).path for name, root_column in columns.items()}
    records = [record for record in roots if isinstance(record, dict)]
    return contract.columns_of(records, list(paths), paths)
