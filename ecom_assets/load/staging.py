"""The stage before the commit: ledger and rejected rows become a dlt package beside the packages with the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa

from ecom_assets.declaration.column_types import types_by_arrow_type
from ecom_assets.declaration.reading import Shop
from ecom_assets.load.dlt_pipeline import stage_source
from ecom_assets.load.ledger.ledger import LEDGER_TABLE, ledger_rows
from ecom_assets.load.ledger.rejected_rows import REJECTED_ROWS_TABLE, rejected_rows
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.read import Reading
from ecom_assets.load.report import ResourceReport
from ecom_assets.load.run_context import RunContext
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction

_HINTS = types_by_arrow_type()
"""dlt's names of Arrow types."""


def stage_ledger_and_rejected_rows(
    context: RunContext, plan: LoadPlan, reading: Reading, reports: Mapping[str, ResourceReport]
) -> None:
    """Make a package of the rows that a run adds to the ledger and to the rejected rows.

    They are loaded in the same transaction as the rows that they tell about.

    Args:
        context: The run's pipeline.
        plan: The run's plan.
        reading: What the run read.
        reports: The reports by resource; a failed one adds nothing to the ledger.

    Raises:
        WarehouseError: The package cannot be written, for example because the disk is full.
    """

    @dlt.source(name=plan.shop.name, max_table_nesting=0)
    def ledger_and_rejected_rows() -> Any:
        return [
            _appended(LEDGER_TABLE, ledger_rows(reports.values(), reading.ended)),
            _appended(REJECTED_ROWS_TABLE, rejected_rows(reading.tables, reading.ended)),
        ]

    with as_warehouse_error(context.warehouse, context.connection.redactor):
        stage_source(context, ledger_and_rejected_rows(), workers=1)


def empty_staging(transaction: Transaction, shop: Shop) -> None:
    """Delete the rows of dlt's staging tables, in the transaction of the load that merged from them.

    Without this, everything that was loaded would be stored a second time until the next load.
    """
    staging = f"{shop.name}_staging"
    for table in transaction.columns_of(staging):
        if not table.startswith("_dlt"):
            transaction.execute(f'truncate "{staging}"."{table}"')


def _appended(name: str, rows: pa.Table) -> Any:
    """Return a dlt resource that appends rows to a table; without rows it still creates the table."""

    def tables() -> Iterator[pa.Table]:
        yield rows

    hints: Any = {
        field.name: {"data_type": _HINTS[field.type], "nullable": field.nullable} for field in rows.schema
    }
    return dlt.resource(tables, name=name, columns=hints, write_disposition="append")
