"""Merge without `incremental`: all records are read, and rows are upserted by primary key.

A row whose record is gone stays. No cursor tells which of two rows is newer, so each row says in `_dlt_load_id` which
load brought it. See `ecom_assets.load.stale_writes` for loads that commit late.
"""

from __future__ import annotations

from ecom_assets.declaration.table.write_disposition import LOAD_ID
from ecom_assets.load.dispositions.staged_table import StagedTable, names, same


def upsert_rows(staged: StagedTable, load_id: str) -> None:
    """Replace the rows of the keys that were read, and add the new ones.

    Args:
        staged: The table and the staged rows.
        load_id: The id of the load that read them.
    """
    transaction, key = staged.transaction, staged.resource.primary_key
    columns = [name for name in staged.staged_columns if name != LOAD_ID.name]
    transaction.execute(
        f"delete from {staged.table} as rows where exists "
        f"(select 1 from {staged.staged} as read where {same(key, 'read', 'rows')})"
    )
    transaction.execute(
        f"insert into {staged.table} ({names([*columns, LOAD_ID.name])}) "
        f"select {names(columns)}, ? from ({staged.distinct_rows(key)}) as read",
        [load_id],
    )
