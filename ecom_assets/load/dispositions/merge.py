"""Merge: the rows of the keys that were read replace those of the table. Replace: all rows do.

Of equal keys the row with the latest cursor is written. Without `incremental`, all records are read and no cursor tells
which of two rows is newer: there each row says in `_dlt_load_id` which load brought it, and a row whose record is gone
stays. See `ecom_assets.load.stale_writes` for loads that commit late.
"""

from __future__ import annotations

from ecom_assets.declaration.table.write_disposition import LOAD_ID
from ecom_assets.load.dispositions.staged_table import StagedTable, names, same


def merge_rows(staged: StagedTable, load_id: str) -> None:
    """Replace the rows of the keys that were read, and add the new ones.

    Args:
        staged: The table and the staged rows.
        load_id: The id of the load that read them.
    """
    transaction, key = staged.transaction, staged.resource.primary_key
    transaction.execute(
        f"delete from {staged.table} as rows where exists "
        f"(select 1 from {staged.staged} as read where {same(key, 'read', 'rows')})"
    )
    columns, values, parameters = staged.staged_columns, names(staged.staged_columns), []
    if staged.resource.has_load_id:
        read = [name for name in columns if name != LOAD_ID.name]
        columns, values, parameters = (*read, LOAD_ID.name), f"{names(read)}, ?", [load_id]
    transaction.execute(
        f"insert into {staged.table} ({names(columns)}) "
        f"select {values} from ({staged.distinct_rows(key)}) as read",
        parameters,
    )


def replace_rows(staged: StagedTable) -> None:
    """Replace all rows of the table."""
    columns = names(staged.staged_columns)
    staged.transaction.execute(f"delete from {staged.table}")
    staged.transaction.execute(
        f"insert into {staged.table} ({columns}) select {columns} from {staged.staged}"
    )
