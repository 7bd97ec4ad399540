"""MariaDB as an engine: an address mysql://… or mariadb://…."""

from __future__ import annotations

import re

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.mysql.configuration import address_from_url
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.warehouse import Warehouse


class MysqlEngine(Engine[ServerAddress]):
    """A MariaDB server. Each dataset is a database of it."""

    kind = "mysql"
    is_in_dlt = False

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is a URL of MariaDB."""
        return address_from_url(value) if re.match(r"(mysql|mariadb)(\+pymysql)?://", value) else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Raise WarehouseError: dlt has no destination of this type."""
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found the destination {name!r}; allowed for MariaDB: mysql://USER:PASSWORD@HOST:PORT/"
        )

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse on a server.

        Raises:
            WarehouseError: A copy is wanted, or the driver is not installed.
        """
        refuse_copy(options, "MariaDB needs none, for there readers see the last load that was committed")
        with require_driver("MariaDB", "mysql"):
            # imported here, because others have no driver for MariaDB
            from ecom_assets.warehouse.mysql.warehouse import MysqlWarehouse
        return MysqlWarehouse(address, options.lock_timeout)


ENGINE = MysqlEngine()
