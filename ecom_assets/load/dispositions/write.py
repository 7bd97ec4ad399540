"""Write the staged rows of the tables that dlt does not write itself, each by its write disposition."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dispositions.append import append_rows
from ecom_assets.load.dispositions.history_table import HistoryTable, start_histories
from ecom_assets.load.dispositions.merge_by_load import upsert_rows
from ecom_assets.load.dispositions.snapshot_history import add_reading
from ecom_assets.load.dispositions.staged_table import StagedTable
from ecom_assets.load.dispositions.window_history import add_states
from ecom_assets.load.read import Reading
from ecom_assets.warehouse.transaction import Transaction


def write_staged_rows(
    transaction: Transaction,
    shop: Shop,
    reading: Reading,
    began: datetime,
    overtaking: Collection[str],
    on_progress: OnProgress,
) -> None:
    """Write the tables of a load that dlt has only staged.

    Args:
        transaction: The transaction of the load, after dlt has loaded its packages.
        shop: The shop.
        reading: What the run read.
        began: When this run began to read, in UTC.
        overtaking: The ids of the loads that were committed since, and whose reading ended later than this run's.
        on_progress: Is told what a load leaves out.
    """
    for table in reading.tables:
        resource = table.metrics.resource
        staged = StagedTable(transaction, shop, resource)
        if resource.history:
            history = HistoryTable(staged, resource.history)
            start_histories(history, reading.ended)
            if resource.is_incremental:
                add_states(history, began, reading.ended)
            else:
                add_reading(history, table.metrics, reading.ended, overtaking, on_progress)
        elif resource.write_disposition == "append":
            append_rows(staged, table.metrics, overtaking)
        elif resource.has_load_id:
            upsert_rows(staged, table.load_id)
