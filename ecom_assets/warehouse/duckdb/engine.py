"""A DuckDB file as an engine: the path of a file, or dlt's destination type duckdb."""

from __future__ import annotations

from ecom_assets.warehouse.duckdb.configuration import copy_path, file_path, path_from_dlt
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets.warehouse.engine import Engine, WarehouseOptions


class DuckDbEngine(Engine[str]):
    """The default engine. Its address is a path, as somebody wrote it."""

    kind = DuckDbWarehouse.kind

    def address_from_value(self, value: str) -> str | None:
        """Return None: a path has no form of its own. `choice` takes what no engine recognises as a path."""
        return None

    def address_from_dlt(self, name: str) -> str:
        """Return the path of the file, as dlt's configuration has it."""
        return path_from_dlt(name)

    def warehouse(self, address: str, options: WarehouseOptions) -> DuckDbWarehouse:
        """Return the warehouse in a file. Raises WarehouseError for a path that is not allowed."""
        path = file_path("ECOM_WAREHOUSE", address)
        copy = copy_path(options.copy, path) if options.copy else None
        return DuckDbWarehouse(path, options.lock_timeout, copy)


ENGINE = DuckDbEngine()
