"""Databricks as an engine: an address databricks://…, or dlt's destination type databricks."""

from __future__ import annotations

import re

from ecom_assets.warehouse.databricks.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.warehouse import Warehouse


class DatabricksEngine(Engine[ServerAddress]):
    """A catalog of Unity Catalog, reached by a SQL warehouse."""

    kind = "databricks"

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is a URL of Databricks."""
        return address_from_url(value) if re.match(r"databricks(\+\w+)?:", value) else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a catalog.

        Raises:
            WarehouseError: A copy is wanted, or the driver is not installed.
        """
        refuse_copy(options, "Databricks needs none, for there readers see the last load that was committed")
        with require_driver("Databricks", "databricks"):
            # imported here, because others have no driver for Databricks
            from ecom_assets.warehouse.databricks.warehouse import DatabricksWarehouse

            if "credentials_provider" in address.parameters:
                import databricks.sdk  # noqa: F401  # what signs in as a service principal
        return DatabricksWarehouse(address, options.lock_timeout)


ENGINE = DatabricksEngine()
