"""Makes the changes of tables in the transaction of a load, before its rows come."""

from __future__ import annotations

from ecom_assets.declaration.reading import Column, Shop
from ecom_assets.declaration.table.deletes import deletions_name
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.ledger.audits import AUDITS_TABLE
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.load.schema_changes.change import Changes, ColumnChange, TableChanges, TableNotChanged
from ecom_assets.load.schema_changes.conversion import key_expression
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.transaction import Transaction


def apply_changes(
    transaction: Transaction,
    shop: Shop,
    changes: Changes,
    on_progress: OnProgress,
) -> None:
    """Change the tables.

    Args:
        transaction: The transaction of the load.
        shop: The shop.
        changes: The changes by resource; those with refusals are left alone.
        on_progress: Is told what changes.

    Raises:
        TableNotChanged: The engine refused. Nothing was loaded.
    """
    made = [change for change in changes.values() if not change.refusals]
    for change in made:
        for column, text in change.texts.items():
            on_progress(f"{change.resource}: {text if column == '*' else f'the column {column}: {text}'}")
        if change.changes_table:
            try:
                _change_table(transaction, shop, change)
            except transaction.driver_errors as error:
                raise TableNotChanged(
                    change.resource,
                    f"{change.resource}: {'; '.join(map(_text, change.texts.items()))}: the warehouse refuses this "
                    f"change: {one_line(error)}. Nothing of it was loaded. If a view needs the column, drop the view "
                    "and create it again after the load",
                ) from None


def _change_table(transaction: Transaction, shop: Shop, change: TableChanges) -> None:
    if change.table is not None and change.table != change.resource:
        _rename_table(transaction, shop, change.table, change.resource)
    table = f'"{shop.name}"."{change.resource}"'
    for entry in change.columns:
        before, after = entry.before, entry.after
        if entry.action == "relax":
            transaction.execute(f'alter table {table} alter column "{entry.column}" drop not null')
        elif before is None or after is None:
            continue
        elif entry.action == "rename":
            transaction.execute(f'alter table {table} rename column "{before.name}" to "{entry.column}"')
        elif entry.action == "fill":
            transaction.rewrite_column(
                shop.name,
                change.resource,
                before.model_copy(update={"name": entry.column}),
                f'coalesce("{entry.column}", "{before.name}")',
                without=before.name,
            )
        elif entry.action == "widen":
            transaction.change_type(shop.name, change.resource, before, after)
        else:
            _convert_column(transaction, shop.name, change.resource, before, after, entry)


def _convert_column(
    transaction: Transaction, dataset: str, table: str, before: Column, after: Column, change: ColumnChange
) -> None:
    """Give a column another type, with its converted values, or without values."""
    if change.values is None or not change.values.num_rows:
        transaction.rewrite_column(dataset, table, after, "null")
        return
    with transaction.temporary_table("ecom_values", change.values):
        same = f"{key_expression(transaction, before)} = _dlt_old"
        transaction.rewrite_column(dataset, table, after, "_dlt_new", ("ecom_values", same))


def _rename_table(transaction: Transaction, shop: Shop, before: str, after: str) -> None:
    """Rename a table, and its resource and its sweeps in the ledger, the rejected rows and the audits."""
    transaction.execute(f'alter table "{shop.name}"."{before}" rename to "{after}"')
    present = transaction.columns_of(shop.name)
    names = ((before, after), (deletions_name(before), deletions_name(after)))
    for table in (LEDGER_TABLE, REJECTED_ROWS_TABLE, AUDITS_TABLE):
        for former, name in names if table in present else ():
            transaction.execute(
                f'update "{shop.name}"."{table}" set resource = ? where resource = ?', [name, former]
            )


def _text(entry: tuple[str, str]) -> str:
    column, text = entry
    return text if column == "*" else f"{column} {text}"
