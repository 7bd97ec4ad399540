"""MotherDuck as an engine: an address md:… or motherduck://…, or dlt's destination type motherduck."""

from __future__ import annotations

from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy
from ecom_assets.warehouse.motherduck.configuration import SCHEMES, address_from_dlt, address_from_url
from ecom_assets.warehouse.motherduck.warehouse import MotherDuckWarehouse
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.warehouse import Warehouse


class MotherDuckEngine(Engine[ServerAddress]):
    """A database of an account of MotherDuck. DuckDB itself is the driver, so no other package is needed."""

    kind = MotherDuckWarehouse.kind

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is one of MotherDuck."""
        return address_from_url(value) if value.startswith(SCHEMES) else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a database. Raises WarehouseError if a copy is wanted."""
        refuse_copy(options, "MotherDuck needs none, for there readers see the last load that was committed")
        return MotherDuckWarehouse(address, options.lock_timeout)


ENGINE = MotherDuckEngine()
