"""The commit stage: everything that a run staged goes into the warehouse in one transaction."""

from __future__ import annotations

import time

from ecom_assets.foundation.errors import NotPublished
from ecom_assets.load.dlt_pipeline import stored_columns
from ecom_assets.load.ledger import loads_read_after
from ecom_assets.load.nested_rows import delete_replaced_nested_rows, reconcile_nested_rows
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.read import Reading
from ecom_assets.load.rejected_rows import delete_replaced_rejections
from ecom_assets.load.row_keys import index_row_keys
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.staging import empty_staging
from ecom_assets.load.stale_writes import restore_newer_rows, set_newer_rows_aside
from ecom_assets.load.warehouse_state import WarehouseState, refuse_type_conflicts
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction


def commit(
    context: RunContext, plan: LoadPlan, before: WarehouseState, reading: Reading
) -> NotPublished | None:
    """Write rows, ledger and rejected rows in one transaction, under the dataset's lock.

    Either all of it is in the warehouse afterwards, or nothing. If rows and ledger were written one after the other, a
    run that is killed in between would leave rows that no ledger tells about, or a ledger that tells about rows that
    are not there.

    Args:
        context: The run's warehouse and pipeline.
        plan: The run's plan.
        before: The warehouse before the run read.
        reading: What the run read; its packages are staged.

    Returns:
        Why the copy for readers is an older one, None if there is no copy or it is up to date. The load itself is
        done by then and must still be reported, so this is not raised.

    Raises:
        WarehouseError: Nothing was loaded, or, if the message says so, nobody knows whether it was committed.
    """
    waiting_since = time.monotonic()
    try:
        with (
            as_warehouse_error(context.warehouse, context.connection.redactor),
            context.timer.measure("load"),
            context.warehouse.transaction(plan.shop.name, context.on_progress) as transaction,
        ):
            # the time until here was spent on waiting for the lock, but is measured as "load"
            context.timer.move(time.monotonic() - waiting_since, "load", "wait")
            _write(transaction, context, plan, before, reading)
    except NotPublished as error:
        context.on_progress(str(error))
        return error
    return None


def _write(
    transaction: Transaction, context: RunContext, plan: LoadPlan, before: WarehouseState, reading: Reading
) -> None:
    """Do all writes of a load. The comments say why they are in this order."""
    shop, load_metrics, on_progress = plan.shop, reading.load_metrics, context.on_progress
    resources = [metrics.resource for metrics in load_metrics]
    # first, before anything is written: dlt would fill a column of another type all the same
    dlt_columns_now = stored_columns(context.pipeline, [resource.name for resource in resources])
    refuse_type_conflicts(context.pipeline, resources, before.columns, dlt_columns_now)
    # the loads whose reading ended after this run's; not those that only seem so by a wrong clock
    overtaking_load_ids = loads_read_after(transaction, shop, reading.ended) - before.loads_from_the_future
    # before the statements that look for rows by their keys
    index_row_keys(transaction, shop, resources)
    # before the deletions and the merge, which would take the newer rows away
    newer_rows = set_newer_rows_aside(
        transaction, shop, load_metrics, plan.began, overtaking_load_ids, on_progress
    )
    columns_by_table = transaction.columns_of(shop.name)
    # before the merge, which adds the rows that take the place of the deleted ones
    delete_replaced_rejections(transaction, shop, load_metrics, columns_by_table)
    delete_replaced_nested_rows(transaction, shop, load_metrics, columns_by_table)
    context.pipeline.load(workers=1)
    # after the merge, which brings the nested rows of all states of a record
    reconcile_nested_rows(transaction, shop, load_metrics, on_progress)
    # after the merge, which reads the staging tables
    empty_staging(transaction, shop)
    # after everything that writes rows, so that no step replaces the newer rows
    restore_newer_rows(transaction, shop, newer_rows)
    # again, for the tables that this load created
    index_row_keys(transaction, shop, resources)
