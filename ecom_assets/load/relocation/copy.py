"""Copies a shop's tables, ledger and rejected rows from one warehouse to another, in one transaction of the target.

dlt's own tables go along, because the next load takes its schema from them. So loads continue in the target where they
ended in the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.relocation.stored_tables import StoredTable, stored_tables
from ecom_assets.load.row_keys import index_row_keys
from ecom_assets.load.schema_changes.foreign_tables import VERSIONS_TABLE, loaded_resources
from ecom_assets.warehouse.checksum import Checksum
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_BATCH_ROWS = 50_000
"""Rows that are in memory at once."""
_EMPTIED = (LEDGER_TABLE, REJECTED_ROWS_TABLE)
"""Tables that `ecom-assets reset` empties and does not drop."""


@dataclass(frozen=True)
class CopiedTable:
    """A table that was copied, with its rows."""

    table: str
    rows: int


def copy(
    shop: Shop, source: Warehouse, target: Warehouse, on_progress: OnProgress
) -> tuple[CopiedTable, ...]:
    """Copy everything of a shop, and compare counts and sums of both sides before the commit.

    Args:
        shop: The shop.
        source: Where its tables are. Nothing is changed there.
        target: Where they come. It may have other shops, but no table of this one.
        on_progress: Is told what is copied.

    Raises:
        WarehouseError: Nothing was copied: a warehouse cannot be read or written, the target has tables of the shop, it
            cannot hold a column, or what arrived is not what was there.
    """
    if source.is_same(target):
        raise WarehouseError(
            f"{shop.name}: {target} is the warehouse that the tables are in: name another one to copy to"
        )
    target.check(shop)
    redactor = Redactor(())
    with (
        as_warehouse_error(source, redactor),
        source.read(shop.name, on_progress) as reader,
    ):
        tables = _tables_to_copy(reader, shop, source, on_progress)
        for table in tables:
            target.check_columns(shop, table.name, [column.name for column in table.columns])

        def write(writer: Transaction) -> tuple[CopiedTable, ...]:
            _make_room(writer, shop, target, tables)
            for table in tables:
                table.create(writer, shop.name)
            index_row_keys(writer, shop, shop.tables)
            if writer.is_rehearsal:
                return ()
            return tuple(_copy_table(reader, writer, shop, target, table, on_progress) for table in tables)

        with as_warehouse_error(target, redactor):
            return target.write(shop.name, write, on_progress)


def _tables_to_copy(
    transaction: Transaction, shop: Shop, source: Warehouse, on_progress: OnProgress
) -> list[StoredTable]:
    """Return the tables of the shop, those of loads last, so that a wrong one fails early.

    Raises:
        WarehouseError: There are none, or a column of a load's table has a type that no load makes.
    """
    tables, others = stored_tables(transaction, shop)
    names = {table.name for table in tables}
    if LEDGER_TABLE not in names:
        raise WarehouseError(f"{shop.name}: no load has made tables in the warehouse {source} yet")
    ours = loaded_resources(transaction, shop) | {*_EMPTIED, *(resource.name for resource in shop.tables)}
    for name in others:
        on_progress(f"{name}: not copied, because it is a view")
    copied = []
    for table in tables:
        problems = [f"the column {name} is {kind}" for name, kind in table.unknown.items()]
        if not problems:
            copied.append(table)
        elif table.name in ours or table.name.startswith("_dlt"):
            raise WarehouseError(
                f"{shop.name}.{table.name}: {', and '.join(problems)}, a type that no load makes: nothing was copied. "
                f"Change the column in {source}, or drop it there"
            )
        else:
            on_progress(f"{table.name}: not copied, because no load made it and {', and '.join(problems)}")
    return copied


def _make_room(
    transaction: Transaction, shop: Shop, target: Warehouse, tables: Sequence[StoredTable]
) -> None:
    """Drop what a reset leaves behind, and create the schema.

    Raises:
        WarehouseError: The target has tables that a copy would replace.
    """
    transaction.create_schema(shop.name)
    present = transaction.columns_of(shop.name)
    wanted = {table.name for table in tables}
    if not transaction.tells_case_apart:
        wanted |= {name for name in present if name.lower() in {entry.lower() for entry in wanted}}
    # a rehearsal, or a load that was killed, leaves tables without rows where a new table is committed at once
    emptied = {*_EMPTIED, *(wanted if transaction.structure_commits else ())}
    left = [name for name in present if name.startswith("_dlt") or name in emptied]
    full = [
        name
        for name in left
        if not name.startswith("_dlt")
        and transaction.fetch_value(f'select count(*) from "{shop.name}"."{name}"')
    ]
    if VERSIONS_TABLE in left and LEDGER_TABLE not in left:
        full += [name for name in left if name.startswith("_dlt")]  # the dataset of a plain dlt pipeline
    in_the_way = sorted({*full, *(wanted & present.keys() - set(left))})
    if in_the_way:
        raise WarehouseError(
            f"{shop.name}: the warehouse {target} has {', '.join(in_the_way)} already: nothing was copied. Set "
            f"ECOM_WAREHOUSE to it and run ecom-assets reset {shop.name}, drop a table that no load made, or copy to "
            "another warehouse"
        )
    for name in left:
        if transaction.structure_commits and name in wanted:
            transaction.execute(f'delete from "{shop.name}"."{name}"')
        else:
            transaction.execute(f'drop table "{shop.name}"."{name}"')


def _copy_table(
    reader: Transaction,
    writer: Transaction,
    shop: Shop,
    target: Warehouse,
    table: StoredTable,
    on_progress: OnProgress,
) -> CopiedTable:
    """Copy one table, read it back, and compare.

    Raises:
        WarehouseError: What arrived is not what was there.
    """
    query, schema = table.select(shop.name), table.schema
    with Checksum(table.json) as sent, Checksum(table.json) as arrived:
        for batch in reader.arrow_batches(query, _BATCH_ROWS):
            rows, replaced = writer.storable_rows(batch.cast(schema), table.json)
            if replaced:
                on_progress(
                    f"{table.name}: {replaced} values have U+FFFD for U+0000, which {target} cannot store"
                )
            writer.append_rows(shop.name, table.name, rows, table.json)
            sent.add(rows)
            if sent.rows > batch.num_rows:
                on_progress(f"{table.name}: {sent.rows:,} rows so far")
        for batch in writer.arrow_batches(query, _BATCH_ROWS):
            arrived.add(batch.cast(schema))
        differences = sent.differences(arrived)
        if differences:
            raise WarehouseError(
                f"{shop.name}.{table.name}: what arrived in {target} is not what was sent: {'; '.join(differences)}. "
                "Nothing was copied"
            )
    on_progress(f"{table.name}: {sent.rows:,} rows copied and compared")
    return CopiedTable(table.name, sent.rows)
