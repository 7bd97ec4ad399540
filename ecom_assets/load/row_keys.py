"""The columns by which a load finds the rows of its tables, indexed for engines that need an index to be fast."""

from __future__ import annotations

from collections.abc import Collection

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.root_key import root_key_columns
from ecom_assets.warehouse.row_layout import RowLayout
from ecom_assets.warehouse.transaction import Transaction

_WITH_A_DAY = ("date", "timestamp")


def index_row_keys(transaction: Transaction, shop: Shop, resources: Collection[Resource]) -> None:
    """Let the engine index those tables of the resources that exist, so that a load need not scan them.

    Tables that each load replaces as a whole get no index, because no row is looked for.
    """
    keys = {
        resource.name: row_keys(shop, resource)
        for resource in resources
        if resource.write_disposition != "replace"
    }
    transaction.note_layouts({resource.name: row_layout(resource) for resource in resources})
    transaction.create_indexes(shop.name, keys)


def row_layout(resource: Resource) -> RowLayout:
    """Return how the rows of a resource's table are laid out, if the engine does that: by the declaration or cursor."""
    hints = resource.column_hints.values()
    # the type of a column without one is only known when the table is made
    by_day = [
        *(column.name for column in resource.columns if column.partition and column.data_type in _WITH_A_DAY),
        *(hint.name for hint in hints if hint.partition),
    ]
    if not by_day and resource.cursor and resource.cursor.data_type in _WITH_A_DAY:
        by_day = [resource.cursor.name]
    clustered = dict.fromkeys(column.name for column in (*resource.columns, *hints) if column.cluster)
    return RowLayout(by_day[0] if by_day else None, tuple(clustered))


def row_keys(shop: Shop, resource: Resource) -> list[tuple[str, ...]]:
    """Return the columns by which a load finds rows of a resource: one tuple for each index.

    They are the primary key, and in a child or a nested list also the key of the root record that a row belongs to.
    Where the root's key is part of the primary key, one index serves for both: it begins with the root's key. Rows that
    are appended are also found by their cursor.
    """
    primary = tuple(resource.primary_key)
    if resource.write_disposition == "append":
        cursor = (resource.cursor.name,) if resource.cursor else ()
        return [columns for columns in (primary, cursor) if columns]
    root = tuple(root_key_columns(shop, resource)) if resource.parent else ()
    if set(root) <= set(primary):
        return [(*root, *(name for name in primary if name not in root))]
    return [primary, root]
