"""The history of a windowed resource: each state of a record is a row, valid from its cursor on.

A state is known by its key and its cursor. So the history is the same in whatever order windows are loaded, and a
window that is loaded again brings states that are there already. A state with an equal cursor replaces the one that is
there.

A state ends where the next one begins, or where delete detection found the record gone. If the record is back
afterwards, in the same state, that state is in a second row, valid from when it was found back.

The states of the keys that a load brings are put on one timeline, from which the ends of all their rows follow.
"""

from __future__ import annotations

from datetime import datetime

from ecom_assets.load.dispositions.history_table import INSTANT, HistoryTable, same_key
from ecom_assets.load.dispositions.staged_table import names, temporary_query

_GONE, _BACK, _STATE = 0, 1, 2
"""What happens at an instant of a timeline. At one instant they count in this order."""


def add_states(table: HistoryTable, began: datetime, ended: datetime) -> None:
    """Put the states that were read into their place in the history.

    Args:
        table: The table.
        began: When this run began to read, in UTC.
        ended: When it had read everything, in UTC.
    """
    staged, transaction = table.staged, table.staged.transaction
    key, start = names(table.key), table.valid_from
    state_key = [*table.key, table.history.valid_from]
    with (
        temporary_query(transaction, "ecom_read", staged.distinct_rows(state_key)),
        temporary_query(transaction, "ecom_touched", f"select distinct {key} from ecom_read"),
        temporary_query(transaction, "ecom_timeline", _gone_and_back(table)),
    ):
        transaction.execute(
            f"delete from {staged.table} as rows where exists (select 1 from ecom_timeline as events where "
            f"{same_key(table, 'events', 'rows')} and events.ecom_kind = {_BACK} and events.ecom_at = rows.{start})"
        )
        transaction.execute(
            f"delete from {staged.table} as rows where exists (select 1 from ecom_read as read where "
            f"{same_key(table, 'read', 'rows')} and read.{start} = rows.{start})"
        )
        columns = names(staged.staged_columns)
        transaction.execute(f"insert into {staged.table} ({columns}) select {columns} from ecom_read")
        transaction.execute(
            f"insert into ecom_timeline select {names(table.key, 'rows')}, rows.{start}, {_STATE} "
            f"from {staged.table} as rows where {_touched(table)}"
        )
        # a record that this run read is back, if it was found gone before the run began
        transaction.execute(
            f"insert into ecom_timeline select {key}, cast(? as {INSTANT}), {_BACK} from (select *, row_number() over "
            f"(partition by {key} order by ecom_at desc, ecom_kind desc) as ecom_age from ecom_timeline) as latest "
            f"where ecom_age = 1 and ecom_kind = {_GONE} and ecom_at < ?",
            [ended, began],
        )
        _write_spans(table)


def _touched(table: HistoryTable) -> str:
    """Return the SQL condition that a row of the table is of a key that was read."""
    return f"exists (select 1 from ecom_touched as touched where {same_key(table, 'touched', 'rows')})"


def _gone_and_back(table: HistoryTable) -> str:
    """Return the SQL of a query for when records were found gone, and when they were found back in the same state."""
    staged, start, end = table.staged, table.valid_from, table.valid_to
    cursor = staged.resource.cursor.name if staged.resource.cursor else ""
    others = f"exists (select 1 from {staged.table} as other where {same_key(table, 'other', 'rows')}"
    return (
        f"select {names(table.key, 'rows')}, rows.{end} as ecom_at, {_GONE} as ecom_kind from {staged.table} as rows "
        f"where {_touched(table)} and not {table.is_open('rows')} and not {others} and other.{start} = rows.{end})\n"
        f"union all select {names(table.key, 'rows')}, rows.{start}, {_BACK} from {staged.table} as rows "
        f'where {_touched(table)} and {others} and other."{cursor}" = rows."{cursor}" and other.{start} < rows.{start})'
    )


def _write_spans(table: HistoryTable) -> None:
    """Set the ends of the states of the keys that were read, and add the rows of records that are back."""
    staged, transaction = table.staged, table.staged.transaction
    key, start, end = names(table.key), table.valid_from, table.valid_to
    in_order = f"over (partition by {key} order by ecom_at, ecom_kind)"
    # a record is back only if it was found gone just before
    spans = (
        f"select {key}, ecom_at, ecom_kind, lead(ecom_at) {in_order} as ecom_until from "
        f"(select *, lag(ecom_kind) {in_order} as ecom_before_kind from ecom_timeline) as events "
        f"where ecom_kind <> {_BACK} or ecom_before_kind = {_GONE}"
    )
    with temporary_query(transaction, "ecom_spans", spans):
        transaction.execute(
            f"update {staged.table} as rows set {end} = coalesce(spans.ecom_until, {table.open_end}) "
            f"from ecom_spans as spans where {same_key(table, 'spans', 'rows')} and spans.ecom_kind = {_STATE} "
            f"and spans.ecom_at = rows.{start} "
            f"and rows.{end} is distinct from coalesce(spans.ecom_until, {table.open_end})"
        )
        table.insert(
            f"{staged.table} as found join ecom_spans as spans on {same_key(table, 'spans', 'found')} "
            f"where spans.ecom_kind = {_BACK} and spans.ecom_at is distinct from spans.ecom_until and found.{start} = "
            f"(select max(states.ecom_at) from ecom_spans as states where {same_key(table, 'states', 'spans')} "
            f"and states.ecom_kind = {_STATE} and states.ecom_at < spans.ecom_at)",
            "spans.ecom_at",
            f"coalesce(spans.ecom_until, {table.open_end})",
        )
