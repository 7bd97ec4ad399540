"""What the warehouse holds when a run begins: columns that earlier loads added, and loads with a later clock.

dlt adds missing columns by itself, and writes values into an existing column whatever its type. So a run must know
the columns that tables really have: another run may have added some that this run's schema does not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import dlt

from ecom_assets.declaration.reading import Resource
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.load.clock import offset_of_server
from ecom_assets.load.column_types import tables_to_know
from ecom_assets.load.dlt_pipeline import StoredColumns, stored_columns
from ecom_assets.load.ledger import loads_read_after
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.run_context import RunContext
from ecom_assets.warehouse.errors import as_warehouse_error


@dataclass(frozen=True)
class WarehouseState:
    """The warehouse before a run reads.

    Attributes:
        columns: dlt's columns of the run's tables.
        loads_from_the_future: The ids of the loads whose reading ended later than this run began, going by the
            ledger. They are over, so their machine's clock is ahead: they did not overtake this run.
        clock_offset: How far the warehouse's clock is ahead of this machine's.
    """

    columns: StoredColumns = field(default_factory=dict)
    loads_from_the_future: frozenset[str] = frozenset()
    clock_offset: timedelta = timedelta()


def read_warehouse_state(context: RunContext, plan: LoadPlan) -> WarehouseState:
    """Return the state of the warehouse, and let dlt take over its schema, so that columns keep their types.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not context.warehouse.exists():
        return WarehouseState()
    with (
        context.timer.measure("wait"),
        as_warehouse_error(context.warehouse, context.connection.redactor),
        context.warehouse.read(plan.shop.name, context.on_progress) as transaction,
    ):
        context.pipeline.sync_destination()
        columns = stored_columns(context.pipeline, tables_to_know(plan.shop, plan.resources))
        offset = offset_of_server(transaction, context.on_progress)
        later = loads_read_after(transaction, plan.shop, plan.began + offset)
        return WarehouseState(columns, later, offset)


def refuse_type_conflicts(
    pipeline: dlt.Pipeline, resources: Iterable[Resource], before: StoredColumns, now: StoredColumns
) -> None:
    """Refuse to load a new field that another load stored as a column of another type in the meantime.

    dlt would write this run's values into that column all the same, and the engine would round or cast them.

    Args:
        pipeline: The run's pipeline, whose schema has the types that this run read.
        resources: The resources that are loaded.
        before: The columns when the run began to read.
        now: The columns when the run loads.

    Raises:
        WarehouseError: The column's type is not the one that this run read.
    """
    schema = pipeline.default_schema
    for resource in resources:
        if resource.widens:
            continue  # `ecom_assets.load.widen_columns` compares all of its columns
        declared = {column.name for column in resource.table_columns}
        stored = now.get(resource.name, {})
        for name in stored.keys() - before.get(resource.name, {}).keys() - declared:
            read = schema.get_table_columns(resource.name).get(name)
            if read is not None and read["data_type"] != stored[name]["data_type"]:
                raise WarehouseError(
                    f"{resource.name}: another load made the new column {name} {stored[name]['data_type']} while this "
                    f"one read it as {read['data_type']}: nothing was loaded, run it again"
                )
