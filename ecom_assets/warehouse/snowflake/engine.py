"""Snowflake as an engine: an address snowflake://…, or dlt's destination type snowflake."""

from __future__ import annotations

from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy
from ecom_assets.warehouse.snowflake.configuration import (
    SnowflakeAddress,
    address_from_dlt,
    address_from_url,
    require_driver,
)
from ecom_assets.warehouse.warehouse import Warehouse


class SnowflakeEngine(Engine[SnowflakeAddress]):
    """A database of an account of Snowflake."""

    kind = "snowflake"

    def address_from_value(self, value: str) -> SnowflakeAddress | None:
        """Return the address if the value is a URL of Snowflake."""
        return address_from_url(value) if value.startswith("snowflake://") else None

    def address_from_dlt(self, name: str) -> SnowflakeAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: SnowflakeAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a database.

        Raises:
            WarehouseError: A copy is wanted, or the driver is not installed.
        """
        refuse_copy(options, "Snowflake needs none, for there readers see the last load that was committed")
        with require_driver():
            # imported here, because others have no driver for Snowflake
            from ecom_assets.warehouse.snowflake.warehouse import SnowflakeWarehouse
        return SnowflakeWarehouse(address, options.lock_timeout)
