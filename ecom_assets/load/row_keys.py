"""By which columns a load finds the rows of its tables again, for engines that need an index to do it fast.

A snapshot is replaced as a whole, so nothing is looked for there. What an index is made of is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.window_assignment import root_key
from ecom_assets.warehouse.transaction import Transaction


@contextmanager
def rows_found_fast(session: Transaction, shop: Shop, resources: Iterable[Resource]) -> Iterator[None]:
    """Have the tables that a load writes indexed: those that are there before its block, the new ones after it."""
    keys = {entry.name: row_keys(shop, entry) for entry in resources if entry.windowed}
    session.create_indexes(shop.name, keys)
    yield
    session.create_indexes(shop.name, keys)


def row_keys(shop: Shop, resource: Resource) -> list[tuple[str, ...]]:
    """Return the columns, all together, by which rows of a windowed resource are found: a tuple an index.

    They are the primary key, and in a child also the key of the record of the root that the rows are from, which
    comes first, so that one index serves for both where one is a part of the other.
    """
    primary = tuple(resource.primary_key)
    root = tuple(root_key(shop, resource)) if resource.parent else ()
    if set(root) <= set(primary):
        return [(*root, *(name for name in primary if name not in root))]
    return [primary, root]
