"""Snowflake as an engine: an address snowflake://…, or dlt's destination type snowflake."""

from __future__ import annotations

from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.snowflake.configuration import (
    address_from_dlt,
    address_from_url,
)
from ecom_assets.warehouse.warehouse import Warehouse


class SnowflakeEngine(Engine[ServerAddress]):
    """A database of an account of Snowflake."""

    kind = "snowflake"

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is a URL of Snowflake."""
        return address_from_url(value) if value.startswith("snowflake://") else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a database.

        Raises:
            WarehouseError: A copy is wanted, or the driver is not installed.
        """
        refuse_copy(options, "Snowflake needs none, for there readers see the last load that was committed")
        with require_driver("Snowflake", "snowflake"):
            # imported here, because others have no driver for Snowflake
            from ecom_assets.warehouse.snowflake.warehouse import SnowflakeWarehouse
        return SnowflakeWarehouse(address, options.lock_timeout)


ENGINE = SnowflakeEngine()
