"""Amazon Redshift as an engine: an address redshift://…, or dlt's destination type redshift."""

from __future__ import annotations

from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.redshift.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.warehouse import Warehouse


class RedshiftEngine(Engine[ServerAddress]):
    """A database of a cluster or of a workgroup of Redshift."""

    kind = "redshift"

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is a URL of Redshift."""
        return address_from_url(value) if value.startswith("redshift://") else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a database.

        Raises:
            WarehouseError: A copy is wanted, or the driver is not installed.
        """
        refuse_copy(options, "Redshift needs none, for there readers see the last load that was committed")
        with require_driver("Redshift", "redshift"):
            # imported here, because others have no driver for Redshift
            from ecom_assets.warehouse.redshift.warehouse import RedshiftWarehouse
        return RedshiftWarehouse(address, options.lock_timeout)


ENGINE = RedshiftEngine()
