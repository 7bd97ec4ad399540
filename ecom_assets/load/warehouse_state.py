"""What the warehouse holds when a run begins: columns that earlier loads added, and loads with a later clock.

A load adds missing columns, and an engine casts values to the type of an existing one. So a run must know
the columns that tables really have: another run may have added some that this run's schema does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table

from ecom_assets.contract.column_names import FIELD_HINT
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.last_declaration import PLAIN_HINT
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.load.column_types import tables_to_know
from ecom_assets.load.dlt_schema import restore_schema
from ecom_assets.load.ledger.clock import offset_of_server
from ecom_assets.load.ledger.cursors import TableCursors, read_cursors
from ecom_assets.load.ledger.ledger import filled_tables, loads_read_after
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.schema_changes.change import Changes, TableChanges, columns_after
from ecom_assets.load.schema_changes.foreign_tables import foreign_tables
from ecom_assets.load.schema_changes.tables import refused_resources, schema_tables_of, table_changes
from ecom_assets.load.stored_columns import StoredColumns, has_no_row
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction


@dataclass(frozen=True)
class WarehouseState:
    """The warehouse before a run reads.

    Attributes:
        columns: dlt's columns of the run's tables, as they are once the load has changed the tables.
        loads_from_the_future: The ids of the loads whose reading ended later than this run began, going by the
            ledger. They are over, so their machine's clock is ahead: they did not overtake this run.
        filled: The tables for which some load has read a record, going by the ledger.
        empty: Tables without a row on whose types no other table depends, where the engine can make them anew.
        cursors: The cursors of the run's open-ended tables.
        schema_tables: The tables of dlt's schema as the last load left it.
        refused: The errors of resources whose tables cannot become what the declaration says.
        clock_offset: How far the warehouse's clock is ahead of this machine's.
    """

    columns: StoredColumns = field(default_factory=dict)
    loads_from_the_future: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    cursors: Mapping[str, TableCursors] = field(default_factory=dict)
    schema_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refused: Mapping[str, IngestError] = field(default_factory=dict)
    clock_offset: timedelta = timedelta()


def read_warehouse_state(context: RunContext, plan: LoadPlan) -> WarehouseState:
    """Return the state of the warehouse, and let dlt go on with its schema, so that columns keep their types.

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
        restore_schema(transaction, context.pipeline, plan.shop)
        schema_tables = schema_tables_of(context.pipeline, plan.shop)
        foreign = foreign_tables(transaction, plan.shop, plan.resources, schema_tables)
        stored, changes = table_changes(
            transaction, context.pipeline, plan.shop, plan.resources, schema_tables
        )
        columns = columns_after(stored, changes)
        renamed = {change.table for name, change in changes.items() if change.table != name}
        present = transaction.columns_of(plan.shop.name).keys() - renamed
        _forget_former_columns(context.pipeline, plan.shop, columns, present)
        offset = offset_of_server(transaction, context.on_progress)
        _remember_fields(context.pipeline, plan.shop, changes, schema_tables)
        return WarehouseState(
            columns,
            loads_read_after(transaction, plan.shop, plan.began + offset),
            filled_tables(transaction, plan.shop),
            _empty_tables(transaction, plan.shop, tables_to_know(plan.shop, plan.resources)),
            read_cursors(transaction, plan.shop, plan.resources),
            schema_tables,
            {**refused_resources(plan.shop, plan.resources, changes), **foreign},
            offset,
        )


def _empty_tables(transaction: Transaction, shop: Shop, names: Iterable[str]) -> frozenset[str]:
    """Return those of some tables that have no row, and no table with rows below them, which has their keys.

    Tables whose keys and cursors are declared, or whose columns keep their types, are left out.
    """
    if transaction.structure_commits:
        return frozenset()
    present = transaction.columns_of(shop.name)

    def is_empty(resource: Resource) -> bool:
        if resource.name in present and not has_no_row(transaction, shop, resource.name):
            return False
        return all(is_empty(entry) for entry in shop.resources if entry.parent == resource.name)

    tables = [shop.resource(name) for name in names if name in present]
    inferred = [table for table in tables if table.widens and any(entry.inferred for entry in table.columns)]
    return frozenset(table.name for table in inferred if is_empty(table))


def _forget_former_columns(
    pipeline: dlt.Pipeline, shop: Shop, columns: StoredColumns, present: Collection[str]
) -> None:
    """Remove from dlt's schema what the tables do not have: the load would add it again.

    Somebody may have dropped a table or a column, or a column has another name now.
    """
    schema = pipeline.schemas.get(shop.name)
    if schema is None:
        return
    dropped = schema.tables.keys() - set(present) - set(schema.dlt_table_names())
    schema.drop_tables(sorted(dropped))
    for table, stored in columns.items():
        known = schema.tables.get(table)
        for name in set(known["columns"]) - stored.keys() if known else ():
            del schema.tables[table]["columns"][name]


def _remember_fields(
    pipeline: dlt.Pipeline, shop: Shop, changes: Changes, schema_tables: Mapping[str, Mapping[str, Any]]
) -> None:
    """Let dlt's schema remember the fields of undeclared columns under the new name of a table.

    It also remembers the columns with values from before their `pii`.
    """
    schema = pipeline.schemas.get(shop.name)
    for name, change in changes.items():
        if schema is None or change.refusals:
            continue
        if change.table not in (None, name):
            _remember_under_new_name(schema, name, schema_tables.get(change.table or "", {}))
        if name in schema.tables:
            remember_plain_columns(schema.tables[name], change)


def remember_plain_columns(table: Any, change: TableChanges) -> None:
    """Note in a table of dlt's schema which columns have values from before their `pii`."""
    table.pop(PLAIN_HINT, None)
    if change.plain:
        table[PLAIN_HINT] = sorted(change.plain)


def _remember_under_new_name(schema: Schema, name: str, former: Mapping[str, Any]) -> None:
    columns = [column for column in former.get("columns", {}).values() if FIELD_HINT in column]
    if columns:
        schema.update_table(new_table(name, columns=columns))


def refuse_type_conflicts(
    pipeline: dlt.Pipeline, resources: Iterable[Resource], before: StoredColumns, now: StoredColumns
) -> None:
    """Refuse to load a new field that another load stored as a column of another type in the meantime.

    The engine would round this run's values, or cast them.

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
            continue  # `ecom_assets.load.schema_changes.widen_columns` compares all of its columns
        declared = {column.name for column in resource.table_columns}
        stored = now.get(resource.name, {})
        for name in stored.keys() - before.get(resource.name, {}).keys() - declared:
            read = schema.get_table_columns(resource.name).get(name)
            if read is not None and read["data_type"] != stored[name]["data_type"]:
                raise WarehouseError(
                    f"{resource.name}: another load made the new column {name} {stored[name]['data_type']} while this "
                    f"one read it as {read['data_type']}: nothing was loaded, run it again"
                )
