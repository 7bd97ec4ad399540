"""A DuckLake as an engine: dlt's destination type ducklake."""

from __future__ import annotations

from ecom_assets.warehouse.ducklake.configuration import Lake, lake_from_dlt
from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.warehouse import Warehouse


class DuckLakeEngine(Engine[Lake]):
    """A lake. Its address has several parts, so only dlt's configuration can name it."""

    kind = "ducklake"

    def address_from_value(self, value: str) -> Lake | None:
        """Return None: no single address describes a lake."""
        return None

    def address_from_dlt(self, name: str) -> Lake:
        """Return the lake that dlt's configuration describes."""
        return lake_from_dlt(name)

    def warehouse(self, address: Lake, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a lake.

        Raises:
            WarehouseError: A copy is wanted, or a Python package is not installed.
        """
        refuse_copy(options, "a lake's files can be read by anybody")
        # imported here, because few users have a lake
        from ecom_assets.warehouse.ducklake.warehouse import DuckLakeWarehouse

        if address.catalog_kind != "postgres":
            return DuckLakeWarehouse(address, options.lock_timeout)
        with require_driver("PostgreSQL", "postgres"):
            from ecom_assets.warehouse.ducklake.postgres_catalog import PostgresLakeWarehouse
        return PostgresLakeWarehouse(address, options.lock_timeout)


ENGINE = DuckLakeEngine()
