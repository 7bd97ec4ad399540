"""Append: rows are added, and no load adds a row twice.

A window that is loaded again replaces the rows of that window, by their cursor. With a primary key, a key that is
already in the table is not added again. Without windows, only the second rule applies. An open-ended resource without a
primary key adds a row only as often as more equal rows were read than the table has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta, timezone

import pyarrow as pa

from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.load.dispositions.cursor_ranges import Interval, merge_intervals, range_condition, subtract
from ecom_assets.load.dispositions.staged_table import StagedTable, names, same
from ecom_assets.load.own_tables import LEDGER_TABLE


def append_rows(staged: StagedTable, metrics: LoadMetrics, overtaking: Collection[str]) -> None:
    """Add the staged rows to a table, in place of those of the same windows.

    Rows of windows that another load has read later are left as they are.

    Args:
        staged: The table and the staged rows.
        metrics: The metrics of the table, which have the slices that were read.
        overtaking: The ids of the loads that were committed since this run began, and whose reading ended later.
    """
    resource, transaction = staged.resource, staged.transaction
    conditions, parameters = [], list[object]()
    if resource.windowed:
        newer = _intervals_read_later(staged, overtaking)
        read = merge_intervals((part.start, part.end) for part in metrics.slices if part.start and part.end)
        if replaced := subtract(read, newer):
            condition, bounds = range_condition(staged.shop, resource, replaced)
            transaction.execute(f"delete from {staged.table} where {condition}", bounds)
        if newer:
            condition, bounds = range_condition(staged.shop, resource, newer)
            conditions.append(f"not ({condition})")
            parameters += bounds
    rows = staged.staged
    if key := resource.primary_key:
        rows = f"({staged.distinct_rows(key)})"
        conditions.append(
            f"not exists (select 1 from {staged.table} as rows where {same(key, 'rows', 'read')})"
        )
    columns = names(staged.staged_columns)
    if resource.open_ended and not resource.primary_key and resource.cursor:
        cursor = f'"{resource.cursor.name}"'
        transaction.execute(
            f"insert into {staged.table} ({columns}) select {columns} from {staged.staged} except all "
            f"select {columns} from {staged.table} where {cursor} >= (select min({cursor}) from {staged.staged})"
        )
        return
    transaction.execute(
        f"insert into {staged.table} ({columns}) select {columns} from {rows} as read "
        f"where {' and '.join(conditions) or 'true'}",
        parameters,
    )


def _intervals_read_later(staged: StagedTable, overtaking: Collection[str]) -> Sequence[Interval]:
    """Return the intervals that other loads have read later, with the lookback before each window."""
    if not overtaking:
        return ()
    lookback = timedelta(seconds=staged.shop.policy.lookback)
    with staged.transaction.temporary_table("ecom_loads", pa.table({"load_id": list(overtaking)})):
        windows: Iterable[tuple[datetime, datetime]] = staged.transaction.execute(
            f'select distinct window_start, window_end from "{staged.shop.name}"."{LEDGER_TABLE}" '
            "join ecom_loads using (load_id) where resource = ? and window_start is not null",
            [staged.resource.name],
        ).fetchall()
    return merge_intervals(
        (start.astimezone(timezone.utc) - lookback, end.astimezone(timezone.utc)) for start, end in windows
    )
