"""The history of a resource without a cursor: a state is valid from the first reading that found it.

A reading is complete, so it tells the state of every key at one instant: when it ended, as the ledger says. Between two
readings the history does not change. A load puts its reading in the place that its instant has among the readings in
the ledger, even if it commits late. It decides what is valid from its own instant until that of the next reading.

A key that a reading does not have is gone: its state ends. If it is back in a later reading, a new state begins.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import pyarrow as pa

from ecom_assets.contract.contract import Contract
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dispositions.history_table import INSTANT, HistoryTable, same_key
from ecom_assets.load.dispositions.staged_table import names, temporary_query
from ecom_assets.load.own_tables import LEDGER_TABLE

_AT = f"cast(? as {INSTANT})"


def add_reading(
    table: HistoryTable,
    metrics: LoadMetrics,
    ended: datetime,
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> None:
    """Put a reading into its place in the history.

    Args:
        table: The table.
        metrics: The metrics of the table, with the keys of the rejected records.
        ended: When the reading ended, in UTC.
        overtaking: The ids of the loads that were committed since this run began, and whose reading ended later.
        on_progress: Is told if states cannot end, because a rejected record has no key.
    """
    staged, transaction = table.staged, table.staged.transaction
    following = _next_reading(table, ended, overtaking)
    if following is None:
        _remove_future(table, ended)
    known = pa.table({name: pa.nulls(0, field.type) for name, field in _key_fields(table, metrics)})
    rejected = pa.concat_tables([known, *metrics.rejected_keys]) if metrics.rejected_keys else known
    ends = not metrics.rejected_without_key
    if not ends:
        on_progress(
            f"{staged.resource.name}: {metrics.rejected_without_key} rejected records have no usable primary key, so "
            "it is unknown which records are gone: no state ends because of this reading"
        )
    current = (
        f"select * from {staged.table} as rows where rows.{table.valid_from} <= {_literal(ended)} "
        f"and ({table.is_open('rows')} or rows.{table.valid_to} > {_literal(ended)})"
    )
    with (
        temporary_query(transaction, "ecom_read", staged.distinct_rows(table.key)),
        temporary_query(transaction, "ecom_current", current),
        transaction.temporary_table("ecom_rejected", rejected, staged.table),
        temporary_query(transaction, "ecom_changed", _changed_keys(table, ends=ends)),
    ):
        _write_changes(table, ended, following)


def _write_changes(table: HistoryTable, ended: datetime, following: datetime | None) -> None:
    """End the states that are no longer valid at a reading, and begin those that are new.

    Args:
        table: The table.
        ended: The instant of the reading.
        following: The instant of the next reading, None if there is none yet.
    """
    transaction, rows = table.staged.transaction, table.staged.table
    start, end = table.valid_from, table.valid_to
    changed = f"exists (select 1 from ecom_changed as changed where {same_key(table, 'changed', 'rows')})"
    if following is not None:
        # the state that is valid before this reading is valid again at the next one
        table.insert(
            "ecom_current as found join ecom_changed as changed on "
            f"{same_key(table, 'changed', 'found')} where {table.is_open('found')} or found.{end} > ?",
            _AT,
            f"found.{end}",
            [following, following],
        )
    transaction.execute(f"delete from {rows} as rows where rows.{start} = ? and {changed}", [ended])
    transaction.execute(
        f"update {rows} as rows set {end} = ? "
        f"where rows.{start} < ? and ({table.is_open('rows')} or rows.{end} > ?) and {changed}",
        [ended, ended, ended],
    )
    if following is not None:
        # the next reading found the same state
        transaction.execute(
            f"update {rows} as rows set {start} = ? from ecom_read as read where {same_key(table, 'read', 'rows')} "
            f"and rows.{start} = ? and {_same_state(table, 'rows')} and {changed}",
            [ended, following],
        )
    columns = [name for name in table.staged.staged_columns if name in table.columns]
    transaction.execute(
        f"insert into {rows} ({names(columns)}, {start}, {end}) select {names(columns, 'read')}, {_AT}, "
        f"{table.open_end if following is None else _AT} from ecom_read as read "
        f"join ecom_changed as changed on {same_key(table, 'changed', 'read')} where not exists "
        f"(select 1 from {rows} as rows where {same_key(table, 'rows', 'read')} and rows.{start} = ?)",
        [ended, *([] if following is None else [following]), ended],
    )


def _changed_keys(table: HistoryTable, *, ends: bool) -> str:
    """Return the SQL of a query for the keys whose state at the reading differs from that in the table."""
    key = table.key
    new = (
        f"select {names(key, 'read')} from ecom_read as read where not exists (select 1 from ecom_current as old "
        f"where {same_key(table, 'old', 'read')} and {_same_state(table, 'old')})"
    )
    gone = (
        f"select {names(key, 'old')} from ecom_current as old "
        f"where not exists (select 1 from ecom_read as read where {same_key(table, 'read', 'old')}) "
        f"and not exists (select 1 from ecom_rejected as rejected where {same_key(table, 'rejected', 'old')})"
    )
    return f"{new} union all {gone}" if ends else new


def _same_state(table: HistoryTable, rows: str) -> str:
    """Return the SQL condition that a row of a table has the state that was read."""
    staged = table.staged.staged_columns
    version = table.history.row_version_column_name
    compared = [version] if version else [name for name in table.columns if name not in table.key]
    conditions = [
        f'{rows}."{name}" is not distinct from read."{name}"'
        if name in staged
        else f'{rows}."{name}" is null'
        for name in compared
    ]
    return " and ".join(conditions) or "true"


def _next_reading(table: HistoryTable, ended: datetime, overtaking: Collection[str]) -> datetime | None:
    """Return when the next reading after this one ended, None if there is none yet."""
    if not overtaking:
        return None
    transaction, shop = table.staged.transaction, table.staged.shop
    with transaction.temporary_table("ecom_loads", pa.table({"load_id": list(overtaking)})):
        found: datetime | None = transaction.fetch_value(
            f'select min(loaded_at) from "{shop.name}"."{LEDGER_TABLE}" join ecom_loads using (load_id) '
            "where resource = ? and loaded_at > ?",
            [table.staged.resource.name, ended],
        )
    return found


def _remove_future(table: HistoryTable, ended: datetime) -> None:
    """Remove what a load with a wrong clock said about the time after the newest reading."""
    transaction, rows = table.staged.transaction, table.staged.table
    transaction.execute(f"delete from {rows} as rows where rows.{table.valid_from} > ?", [ended])
    transaction.execute(
        f"update {rows} as rows set {table.valid_to} = {table.open_end} "
        f"where rows.{table.valid_to} > ? and not {table.is_open('rows')}",
        [ended],
    )


def _key_fields(table: HistoryTable, metrics: LoadMetrics) -> list[tuple[str, pa.Field]]:
    """Return the names and the Arrow fields of the primary key."""
    schema = Contract(metrics.resource).schema
    return [(name, schema.field(name)) for name in table.key]


def _literal(instant: datetime) -> str:
    return f"cast({instant.isoformat()!r} as {INSTANT})"
