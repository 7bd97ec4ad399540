"""Takes over tables that no load of a shop made, such as those of a plain dlt pipeline, for `ecom-assets adopt`.

Their rows do not change here. dlt's schema knows the tables afterwards, so loads write them. The ledger has no load of
them: `status` says that their windows are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from dlt.extract import DltSource

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.last_declaration import HINT
from ecom_assets.foundation.interruption import held_interruptions
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.dlt_pipeline import StoredColumns, open_pipeline, stored_columns
from ecom_assets.load.own_tables import (
    LEDGER_SCHEMA,
    LEDGER_TABLE,
    REJECTED_ROWS_SCHEMA,
    append_own_rows,
    describe_own_tables,
)
from ecom_assets.load.relocation.stored_tables import stored_tables
from ecom_assets.load.schema_changes.apply import forget_schemas
from ecom_assets.load.schema_changes.compare import compare_tables
from ecom_assets.load.schema_changes.foreign_tables import (
    foreign_table_names,
    is_plain_dlt_dataset,
    refuse_foreign_dataset,
)
from ecom_assets.load.schema_changes.stored_schema import store_schema
from ecom_assets.load.schema_changes.tables import chosen_tables, schema_tables_of
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.layout import record_layout
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_STATE_TABLE = "_dlt_pipeline_state"
_UNKNOWN = {"primary_key": [], "unique": False, "columns": {}, "protection": {}, "zones": {}}
"""What an adopted table was declared as: nothing is known, so the next load looks at all of its rows."""


@dataclass(frozen=True)
class AdoptedTable:
    """A table that no load of the shop made.

    `changes` is what the next load changes in it, by column, `*` for the table itself. `problems` are the reasons why
    loads cannot go on with it.
    """

    table: str
    rows: int
    changes: Mapping[str, str]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adoption:
    """The tables to adopt, and whether their dataset is one of a plain dlt pipeline."""

    tables: tuple[AdoptedTable, ...] = ()
    plain_dlt: bool = False

    @property
    def fits(self) -> bool:
        """Tell whether loads can go on with all of the tables."""
        return not any(table.problems for table in self.tables)


def adopt(
    shop: Shop, warehouse: Warehouse, names: Collection[str], on_progress: OnProgress, *, commit: bool = True
) -> Adoption:
    """Make tables of somebody else tables of the shop, in one transaction. If one of them does not fit, none is.

    Args:
        shop: The shop.
        warehouse: Where the tables are.
        names: Resources whose tables are adopted, by default all.
        on_progress: Is told when another process holds the lock.
        commit: False only looks.

    Raises:
        IngestError: The shop declares no table of this name.
        WarehouseError: Nothing was changed.
    """
    chosen = chosen_tables(shop, names)
    if not warehouse.exists():
        return Adoption()
    begin = warehouse.transaction if commit else warehouse.read
    with (
        as_warehouse_error(warehouse, Redactor(())),
        begin(shop.name, on_progress) as transaction,
    ):
        with open_pipeline(shop, warehouse) as pipeline:
            pipeline.sync_destination()
            known = schema_tables_of(pipeline, shop)
            refuse_foreign_dataset(transaction, shop, known)
            foreign = foreign_table_names(transaction, shop, chosen, known)
            columns = stored_columns(pipeline, foreign.values())
            ours = LEDGER_TABLE in known
            schema = pipeline.schemas[shop.name].clone() if ours else Schema(shop.name)
        resources = [resource for resource in chosen if resource.name in foreign]
        found = Adoption(
            tuple(_look_at(transaction, shop, resources, foreign, columns)),
            is_plain_dlt_dataset(transaction, shop, known),
        )
        if commit and found.fits and (found.tables or found.plain_dlt):
            _take_over(transaction, shop, warehouse, columns, schema, ours=ours)
    return found


def _look_at(
    transaction: Transaction,
    shop: Shop,
    resources: Iterable[Resource],
    foreign: Mapping[str, str],
    columns: StoredColumns,
) -> Iterator[AdoptedTable]:
    """Yield each table with what the next load changes, and what is in the way."""
    known = {table: {HINT: _UNKNOWN} for table in foreign.values()}
    tables, others = stored_tables(transaction, shop)
    unknown = {table.name: table.unknown for table in tables}
    for resource in resources:
        table = foreign[resource.name]
        if table not in unknown:
            yield AdoptedTable(table, 0, {}, (_no_table(table, others),))
            continue
        problems = [*_columns_in_other_case(transaction, shop, resource, table)]
        problems += _types_of_no_load(transaction, shop, resource, table, unknown[table])
        changes: dict[str, str] = {}
        if not problems:
            compared = compare_tables(transaction, shop, [resource], columns, known)[resource.name]
            problems += compared.refusals
            changes |= compared.texts
        if resource.write_disposition == "replace":
            changes["*"] = "; ".join(filter(None, (changes.get("*"), "each load replaces all rows")))
        rows = transaction.fetch_value(f'select count(*) from "{shop.name}"."{table}"')
        yield AdoptedTable(table, rows, changes, tuple(problems))


def _no_table(table: str, others: Collection[str]) -> str:
    """Return why there is no table of this name: it is a view, or its name is in other case."""
    if table in others:
        return "it is a view, which no load can write: drop it, or give the resource another name"
    return f"the table has its name in other case: rename it to {table}"


def _columns_in_other_case(
    transaction: Transaction, shop: Shop, resource: Resource, table: str
) -> Iterator[str]:
    """Yield a problem for each declared column that the engine would find, and a load would not."""
    types = transaction.columns_of(shop.name)[table]
    declared = {name for column in resource.table_columns for name in (column.name, column.renamed_from)}
    for name in types:
        if name not in declared and name.lower() in declared and not transaction.tells_case_apart:
            yield (
                f'the column {name} is {name.lower()} in the declaration: alter table "{shop.name}"."{table}" '
                f'rename column "{name}" to "{name.lower()}"'
            )


def _types_of_no_load(
    transaction: Transaction, shop: Shop, resource: Resource, table: str, unknown: Mapping[str, str]
) -> Iterator[str]:
    """Yield a problem for each column with a type that no load makes, if a load may write the column.

    dlt would write into such a column all the same, and the engine would round or cast the values.
    """
    declared = {
        name: column
        for column in resource.table_columns
        for name in (column.name, column.renamed_from)
        if name is not None
    }
    for name, kind in unknown.items():
        column = declared.get(name)
        if column is None and (resource.schema_contract.columns != "evolve" or name.startswith("_dlt")):
            continue
        problem = f"the column {name} is {kind}, a type that no load makes"
        if column is None or column.inferred:
            yield (
                f"{problem}, and the API may send a field of this name: give the column another type, such as "
                "bigint, decimal or text, or rename it"
            )
        else:
            yield (
                f'{problem}: alter table "{shop.name}"."{table}" alter column "{name}" type '
                f"{transaction.type_of(column)}"
            )


def _take_over(
    transaction: Transaction,
    shop: Shop,
    warehouse: Warehouse,
    columns: StoredColumns,
    schema: Schema,
    *,
    ours: bool,
) -> None:
    """Let dlt store its schema with the tables, create the ledger, and let loads leave dlt's own columns empty."""
    present, staged = transaction.columns_of(shop.name), transaction.columns_of(f"{shop.name}_staging")
    describe_own_tables(schema)
    for table, hints in columns.items():
        for name, hint in hints.items():
            if name.startswith("_dlt") and not hint.get("nullable", True):
                transaction.execute(
                    f'alter table "{shop.name}"."{table}" alter column "{name}" drop not null'
                )
        if table in staged:
            transaction.execute(f'drop table "{shop.name}_staging"."{table}"')
        schema.tables.pop(table, None)
        described: Any = new_table(
            table, columns=[hint for name, hint in hints.items() if not name.startswith("_dlt")]
        )
        described[HINT] = dict(_UNKNOWN)
        schema.update_table(described)
    # or the next load would believe what another pipeline says about the tables, and go on with its state
    forget_schemas(transaction, shop)
    if not ours and _STATE_TABLE in present:
        transaction.execute(
            f'delete from "{shop.name}"."{_STATE_TABLE}" where pipeline_name = ?', [shop.name]
        )
    with open_pipeline(shop, warehouse) as pipeline:
        if ours:
            pipeline.schemas.save_schema(schema)
            store_schema(pipeline, shop, schema)
        else:
            # dlt finds a schema in the warehouse by the state of the pipeline, which only a package stores
            pipeline.extract(DltSource(schema, shop.name, []))
            with held_interruptions():
                pipeline.normalize(workers=1)
                pipeline.load(workers=1)
    transaction.forget_columns()
    append_own_rows(transaction, shop, LEDGER_SCHEMA.empty_table(), REJECTED_ROWS_SCHEMA.empty_table())
    record_layout(transaction, shop.name)
