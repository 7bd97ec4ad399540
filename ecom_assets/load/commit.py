"""The commit stage: everything that a run staged goes into the warehouse in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ecom_assets.foundation.errors import NotPublished
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.column_types import tables_to_know
from ecom_assets.load.dispositions.write import write_staged_rows
from ecom_assets.load.dlt_schema import record_packages, store_schema
from ecom_assets.load.ledger.clock import order_ledger_entries, overtaking_loads
from ecom_assets.load.ledger.cursors import loads_read_again, read_cursors
from ecom_assets.load.ledger.ledger import ledger_rows
from ecom_assets.load.ledger.rejected_rows import delete_replaced_rejections, rejected_rows
from ecom_assets.load.nested_rows import delete_replaced_nested_rows, reconcile_nested_rows
from ecom_assets.load.own_tables import add_missing_columns, append_own_rows
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.read import Reading
from ecom_assets.load.report import ResourceReport
from ecom_assets.load.row_keys import index_row_keys
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.schema_changes.apply import apply_changes
from ecom_assets.load.schema_changes.foreign_tables import foreign_tables
from ecom_assets.load.schema_changes.tables import refused_resources, table_changes
from ecom_assets.load.schema_changes.widen_columns import TypesChanged, columns_to_compare, widen_columns
from ecom_assets.load.staged_rows import StagedRows, staged_rows
from ecom_assets.load.stale_writes import restore_newer_rows, set_newer_rows_aside
from ecom_assets.load.stored_columns import stored_columns
from ecom_assets.load.warehouse_state import WarehouseState, refuse_type_conflicts
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.layout import record_layout
from ecom_assets.warehouse.transaction import Transaction

WriteFirst: TypeAlias = Callable[[Transaction], object]
"""What a caller writes in the transaction of a load, before its rows."""


@dataclass(frozen=True)
class CommitResult:
    """What a commit changed besides the rows.

    `unpublished` tells why the copy for readers is an older one, None if there is no copy or it is up to date. The load
    itself is done by then and must still be reported, so this is not raised. `widened` are the columns that got wider
    types, by table and name, each with a text such as `bigint became text`. `changed` are the changes that the
    declaration asked for, in the same way. `bytes_read` are the bytes of tables that the statements of the load have
    read, None if the engine does not tell.
    """

    unpublished: NotPublished | None = None
    widened: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bytes_read: int | None = None


def commit(
    context: RunContext,
    plan: LoadPlan,
    before: WarehouseState,
    reading: Reading,
    reports: Mapping[str, ResourceReport],
    first: WriteFirst | None = None,
) -> CommitResult:
    """Write rows, ledger and rejected rows in one transaction, under the dataset's lock.

    Either all of it is in the warehouse afterwards, or nothing. If rows and ledger were written one after the other, a
    run that is killed in between would leave rows that no ledger tells about, or a ledger that tells about rows that
    are not there.

    Args:
        context: The run's warehouse and pipeline.
        plan: The run's plan.
        before: The warehouse before the run read.
        reading: What the run read; its packages are staged.
        reports: The reports by resource; a failed one adds nothing to the ledger.
        first: Writes something else at the beginning of the transaction.

    Returns:
        What changed besides the rows.

    Raises:
        TypesChanged: Another load changed a type meanwhile. Nothing was loaded.
        ColumnNotWidened: The engine refused a wider type that one resource needs. Nothing was loaded.
        WarehouseError: Nothing was loaded, or, if the message says so, nobody knows whether it was committed.
    """
    widened: dict[str, dict[str, str]] = {}
    changed: dict[str, dict[str, str]] = {}
    waiting_since = time.monotonic()
    rows = staged_rows(context.pipeline)

    told = set[str]()

    def tell_once(line: str) -> None:
        if line not in told:
            told.add(line)
            context.on_progress(line)

    unpublished: NotPublished | None = None
    used: list[Transaction] = []

    def stage(transaction: Transaction) -> None:
        began = time.monotonic()
        used.append(transaction)
        transaction.describe_load(plan.shop.name, rows.load_ids)
        rows.stage(transaction)
        transaction.update_statistics(plan.shop.name)
        context.timer.move(time.monotonic() - began, "load", "stage")

    def write(transaction: Transaction) -> None:
        if not transaction.is_rehearsal:
            waited = time.monotonic() - waiting_since - context.timer.seconds["stage"]
            context.timer.move(waited, "load", "wait")
        if first is not None:
            first(transaction)
        new = _write(transaction, context, plan, before, reading, rows, reports, tell_once)
        # what a rehearsal has changed is there already the next time
        widened.update(new[0])
        changed.update(new[1])

    try:
        with (
            as_warehouse_error(context.warehouse, context.connection.redactor),
            context.timer.measure("load"),
        ):
            context.warehouse.write(plan.shop.name, write, context.on_progress, stage)
    except NotPublished as error:
        context.on_progress(str(error))
        unpublished = error
    read = [transaction.bytes_read for transaction in used if transaction.bytes_read is not None]
    return CommitResult(unpublished, widened, changed, sum(read) if read else None)


def _write(
    transaction: Transaction,
    context: RunContext,
    plan: LoadPlan,
    before: WarehouseState,
    reading: Reading,
    rows: StagedRows,
    reports: Mapping[str, ResourceReport],
    on_progress: OnProgress,
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Do all writes of a load, in the one order in which they are right.

    Returns:
        The columns that were widened, and the changes of tables that the declaration asked for.
    """
    shop, load_metrics = plan.shop, reading.load_metrics
    resources = [metrics.resource for metrics in load_metrics]
    for error in foreign_tables(transaction, shop, resources, before.schema_tables).values():
        raise TypesChanged(str(error))
    _, changes = table_changes(transaction, context.pipeline, shop, resources, before.schema_tables)
    for error in refused_resources(shop, resources, changes).values():
        raise TypesChanged(str(error))
    overtaking = overtaking_loads(transaction, shop, plan.began, reading, before.loads_from_the_future)
    if overtaking and any(change.replaces_values for change in changes.values()):
        raise TypesChanged(f"{shop.name}: another load wrote a table of which columns change")
    add_missing_columns(transaction, shop)
    apply_changes(transaction, shop, changes, on_progress)
    columns_now = stored_columns(transaction, shop, tables_to_know(shop, resources))
    refuse_type_conflicts(context.pipeline, resources, before.columns, columns_now)
    columns = columns_to_compare(shop, reading.tables)
    widened = widen_columns(transaction, shop, columns, columns_now, on_progress)
    index_row_keys(transaction, shop, resources)
    newer_rows = set_newer_rows_aside(transaction, shop, reading.tables, plan.began, overtaking, on_progress)
    stored_tables = transaction.columns_of(shop.name)
    read_again = loads_read_again(load_metrics, read_cursors(transaction, shop, resources))
    delete_replaced_rejections(transaction, shop, load_metrics, stored_tables, read_again)
    # the columns first: DuckDB commits no new column of a table that has lost rows in the same transaction
    rows.create_tables(transaction, shop)
    delete_replaced_nested_rows(transaction, shop, load_metrics, stored_tables)
    record_packages(transaction, shop, rows.load_ids, store_schema(transaction, shop, rows.schema))
    append_own_rows(
        transaction,
        shop,
        ledger_rows(reports.values(), reading.ended),
        rejected_rows(reading.tables, reading.ended),
    )
    order_ledger_entries(transaction, shop, reading, overtaking)
    write_staged_rows(transaction, shop, reading, rows, plan.began, overtaking, on_progress)
    reconcile_nested_rows(transaction, shop, load_metrics, on_progress)
    record_layout(transaction, shop.name)
    restore_newer_rows(transaction, shop, newer_rows)
    # again, for the tables that this load created
    index_row_keys(transaction, shop, resources)
    loaded = {resource.name for resource in resources}
    changed = {name: change.texts for name, change in changes.items() if name in loaded and change.texts}
    return widened, changed
