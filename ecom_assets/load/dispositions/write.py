"""Write the staged rows of a load into its tables, each by its write disposition."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dispositions.append import append_rows
from ecom_assets.load.dispositions.history_table import HistoryTable, start_histories
from ecom_assets.load.dispositions.merge import merge_rows, replace_rows
from ecom_assets.load.dispositions.snapshot_history import add_reading
from ecom_assets.load.dispositions.staged_table import StagedTable
from ecom_assets.load.dispositions.window_history import add_states
from ecom_assets.load.read import Reading
from ecom_assets.load.staged_rows import StagedRows
from ecom_assets.warehouse.transaction import Transaction


def write_staged_rows(
    transaction: Transaction,
    shop: Shop,
    reading: Reading,
    rows: StagedRows,
    began: datetime,
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> None:
    """Write the rows of a load.

    Args:
        transaction: The transaction of the load, in which the tables have all columns.
        shop: The shop.
        reading: What the run read.
        rows: The rows, which are staged.
        began: When this run began to read, in UTC.
        overtaking: The ids of the loads that were committed since, and whose reading ended later than this run's.
        on_progress: Is told what a load leaves out.
    """
    for table in reading.tables:
        resource = table.metrics.resource
        if resource.name not in rows.files:
            continue
        staged = StagedTable(transaction, shop, resource, rows.columns_of(resource.name))
        if resource.history:
            history = HistoryTable(staged, resource.history)
            start_histories(history, reading.ended)
            if resource.is_incremental:
                add_states(history, began, reading.ended)
            else:
                add_reading(history, table.metrics, reading.ended, overtaking, on_progress)
        elif resource.write_disposition == "append":
            append_rows(staged, table.metrics, overtaking)
        elif resource.write_disposition == "replace":
            replace_rows(staged)
        else:
            merge_rows(staged, table.load_id)
