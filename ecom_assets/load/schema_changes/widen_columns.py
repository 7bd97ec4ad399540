"""Widens the stored columns that a run read with wider types, in the transaction of its load, before its rows come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecom_assets.contract.inference import may_become, type_text
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.read import TableReading
from ecom_assets.load.schema_changes.change import TableNotChanged
from ecom_assets.load.stored_columns import StoredColumns, has_no_row
from ecom_assets.warehouse.errors import one_line
from ecom_assets.warehouse.transaction import Transaction


class TypesChanged(WarehouseError):
    """Another load gave a column a type that this run's values do not have. The run has to read again."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, which says which column it is."""
        super().__init__(f"{reason}: nothing was loaded, run it again")
        self.reason = reason


class ColumnNotWidened(TableNotChanged):
    """The engine refused to widen a column of one resource, which fails alone."""


def columns_to_compare(shop: Shop, tables: Sequence[TableReading]) -> dict[str, dict[str, Column]]:
    """Return the undeclared columns whose types follow from the records, with the types of a run, by table.

    They are those of the tables that were read, and the keys and cursors of their parents, with which SQL compares.
    """
    found: dict[str, dict[str, Column]] = {}
    for table in tables:
        resource = table.metrics.resource
        declared = {column.name for column in resource.table_columns if not column.inferred}
        if resource.widens:
            found[resource.name] = {
                column.name: column for column in table.columns if column.name not in declared
            }
        for parent in _parents(shop, resource):
            keys = {column.name: column for column in parent.columns if column.inferred and parent.widens}
            found.setdefault(parent.name, keys)
    return found


def widen_columns(
    transaction: Transaction,
    shop: Shop,
    columns: Mapping[str, Mapping[str, Column]],
    stored: StoredColumns,
    on_progress: OnProgress,
) -> dict[str, dict[str, str]]:
    """Give stored columns the wider types with which a run read them.

    Args:
        transaction: The transaction of the load, before anything else is written.
        shop: The shop.
        columns: The columns with the types of the run, by table and name.
        stored: The columns that the tables have now.
        on_progress: Is told what changes.

    Returns:
        What changed, by table and column, such as `bigint became text`.

    Raises:
        TypesChanged: A stored type is not one that the run's values can go into. Nothing was written.
        ColumnNotWidened: The engine refused.
    """
    changes: dict[str, dict[str, str]] = {}
    present = transaction.columns_of(shop.name)
    for table, wanted in columns.items():
        pairs = []
        for name, after in wanted.items():
            hint = stored.get(table, {}).get(name)
            before = None if hint is None else after.with_type(evolved_column(name, hint))
            if before is not None and before.data_type != after.data_type:
                pairs.append((before, after))
        other = next(((before, after) for before, after in pairs if not _becomes(before, after)), None)
        can_be_new = other is not None and not other[1].guessed and not transaction.structure_commits
        if other is not None and can_be_new and has_no_row(transaction, shop, table):
            _drop_empty_table(transaction, shop.name, table, other, on_progress)
            changes[table] = {after.name: _change_text(before, after) for before, after in pairs}
            continue
        if other is not None:
            raise TypesChanged(
                f"{table}: another load made the column {other[0].name} {type_text(other[0])} while this one read it "
                f"as {type_text(other[1])}"
            )
        for before, after in pairs:
            change = _change_text(before, after)
            changes.setdefault(table, {})[after.name] = change
            on_progress(f"{table}: the column {after.name} is widened, {change}")
            if present.get(table, {}).get(after.name) == transaction.type_of(before):
                _change_type(transaction, shop.name, table, before, after)
    return changes


def _change_text(before: Column, after: Column) -> str:
    """Return what a report says about a column that has another type now."""
    return f"{type_text(before)} became {type_text(after)}"


def _becomes(stored: Column, read: Column) -> bool:
    """Tell whether a stored column may get the type of the same column of a run, in which a value needs it."""
    return not read.guessed and may_become(stored, read)


def _drop_empty_table(
    transaction: Transaction,
    dataset: str,
    table: str,
    column: tuple[Column, Column],
    on_progress: OnProgress,
) -> None:
    """Drop a table without a row. The load makes it anew, with the types that it read."""
    before, after = column
    on_progress(
        f"{table} has no rows and is made anew: {after.name} was {type_text(before)} and is {type_text(after)}"
    )
    try:
        transaction.execute(f'drop table "{dataset}"."{table}"')
    except transaction.driver_errors as error:
        raise ColumnNotWidened(
            table,
            f"{table}: the table has no rows and cannot be made anew, so that {after.name} can be {type_text(after)}: "
            f"{one_line(error)}. If a view needs the table, drop the view and create it again after the load",
        ) from None


def _change_type(transaction: Transaction, dataset: str, table: str, before: Column, after: Column) -> None:
    try:
        transaction.change_type(dataset, table, before, after)
    except transaction.driver_errors as error:
        raise ColumnNotWidened(
            table,
            f"{table}: the column {after.name} cannot become {type_text(after)}, which a value needs: "
            f"{one_line(error)}; declare the column, so that such a record is rejected",
        ) from None


def _parents(shop: Shop, resource: Resource) -> list[Resource]:
    if resource.parent is None:
        return []
    parent = shop.resource(resource.parent)
    return [parent, *_parents(shop, parent)]
