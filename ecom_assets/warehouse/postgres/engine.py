"""PostgreSQL as an engine: an address postgresql://…, or dlt's destination type postgres."""

from __future__ import annotations

import re

from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.postgres.configuration import address_from_dlt
from ecom_assets.warehouse.warehouse import Warehouse


class PostgresEngine(Engine[str]):
    """A PostgreSQL database. Its address is a URL as libpq reads it."""

    kind = "postgres"

    def address_from_value(self, value: str) -> str | None:
        """Return the value if it is a URL of PostgreSQL."""
        return value if re.match(r"postgres(ql)?://", value) else None

    def address_from_dlt(self, name: str) -> str:
        """Return the URL of the database that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: str, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a database.

        Raises:
            WarehouseError: The address cannot be read, a copy is wanted, or the driver is not installed.
        """
        refuse_copy(
            options,
            "PostgreSQL needs none, for there readers see the last load that was committed, and keep no load waiting",
        )
        with require_driver("PostgreSQL", "postgres"):
            # imported here, because users of a DuckDB file have no driver for PostgreSQL
            from ecom_assets.warehouse.postgres.warehouse import PostgresWarehouse
        return PostgresWarehouse(address, options.lock_timeout)


ENGINE = PostgresEngine()
