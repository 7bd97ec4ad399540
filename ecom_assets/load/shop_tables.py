"""The tables of a shop for notebooks: read as Arrow, pandas, Polars or ibis, by what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pyarrow as pa

from ecom_assets.declaration.named_shop import find_shop
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.table.deletes import DELETED_AT
from ecom_assets.foundation.errors import IngestError
from ecom_assets.load.own_tables import LEDGER_TABLE, REJECTED_ROWS_TABLE
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.warehouse import Warehouse


class ShopTable:
    """One table in the warehouse. Each call reads it as it is then; nothing is written.

    With `live=True`, rows that delete detection marked with `deleted_at` are left out. Without, all rows are there.
    """

    def __init__(self, shop: Shop, name: str, warehouse: Warehouse) -> None:
        """Name the table; nothing is read yet."""
        self._shop = shop
        self._name = name
        self._warehouse = warehouse

    def __repr__(self) -> str:
        """Return the qualified name of the table, and where it is."""
        return f"<table {self._shop.name}.{self._name} in {self._warehouse}>"

    def arrow(self, *, live: bool = False) -> pa.Table:
        """Return the rows as an Arrow table.

        Raises:
            IngestError: The warehouse cannot be read, or no load has made the table yet.
        """
        with self._warehouse.read(self._shop.name) as transaction:
            columns = transaction.columns_of(self._shop.name).get(self._name)
            if not columns:
                raise IngestError(
                    f"the table {self._shop.name}.{self._name} does not exist: "
                    f"load it with `ecom-assets load {self._shop.name}` first"
                )
            only_live = f' where "{DELETED_AT.name}" is null' if live and DELETED_AT.name in columns else ""
            return transaction.fetch_arrow(f'select * from "{self._shop.name}"."{self._name}"{only_live}')

    def pandas(self, *, live: bool = False) -> Any:
        """Return the rows as a pandas DataFrame. Raises IngestError if pandas is not installed."""
        _installed("pandas", "pandas")
        return self.arrow(live=live).to_pandas()

    def polars(self, *, live: bool = False) -> Any:
        """Return the rows as a Polars DataFrame. Raises IngestError if Polars is not installed."""
        return _installed("polars", "polars").from_arrow(self.arrow(live=live))

    def ibis(self, *, live: bool = False) -> Any:
        """Return the rows as an ibis table in memory. Raises IngestError if ibis is not installed."""
        return _installed("ibis", "ibis-framework[duckdb]").memtable(self.arrow(live=live))


class _ShopTables(Mapping[str, ShopTable]):
    """The tables of a shop by name: those of its resources, the ledger, and the rejected rows."""

    def __init__(self, shop: Shop, warehouse: Warehouse) -> None:
        resources: tuple[Resource, ...] = shop.tables
        names = [*(entry.name for entry in resources), LEDGER_TABLE, REJECTED_ROWS_TABLE]
        self._tables = {name: ShopTable(shop, name, warehouse) for name in names}

    def __getitem__(self, name: str) -> ShopTable:
        if name not in self._tables:
            raise KeyError(f"found {name!r}; allowed: {', '.join(self._tables)}")
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"<tables {', '.join(self._tables)}>"


def tables(shop: str | Shop, *, warehouse: Warehouse | None = None) -> Mapping[str, ShopTable]:
    """Return the tables of a shop by name. Nothing is read before you ask a table for its rows.

    Args:
        shop: The name of a declared shop, the path of a YAML file, MODULE:NAME, or a shop.
        warehouse: Where it is loaded, by default the warehouse that the environment names.

    Raises:
        IngestError: No shop has this name, or its declaration is wrong.
    """
    declared = find_shop(shop) if isinstance(shop, str) else shop
    return _ShopTables(declared, warehouse or warehouse_from_environment())


def _installed(module: str, package: str) -> Any:
    """Return a module that is optional; raises IngestError if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise IngestError(f"{module} is not installed: pip install '{package}'") from None
