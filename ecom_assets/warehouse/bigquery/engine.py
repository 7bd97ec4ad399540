"""BigQuery as an engine: an address bigquery://…, or dlt's destination type bigquery."""

from __future__ import annotations

from ecom_assets.warehouse.bigquery.configuration import address_from_dlt, address_from_url
from ecom_assets.warehouse.engine import Engine, WarehouseOptions, refuse_copy, require_driver
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.warehouse import Warehouse


class BigQueryEngine(Engine[ServerAddress]):
    """A project of Google Cloud."""

    kind = "bigquery"

    def address_from_value(self, value: str) -> ServerAddress | None:
        """Return the address if the value is a URL of BigQuery."""
        return address_from_url(value) if value.startswith("bigquery://") else None

    def address_from_dlt(self, name: str) -> ServerAddress:
        """Return the address that dlt's configuration describes."""
        return address_from_dlt(name)

    def warehouse(self, address: ServerAddress, options: WarehouseOptions) -> Warehouse:
        """Return the warehouse in a project.

        Raises:
            WarehouseError: A copy is wanted, or the client is not installed.
        """
        refuse_copy(options, "BigQuery needs none, for there readers see the last load that was committed")
        with require_driver("BigQuery", "bigquery"):
            # imported here, because others have no client of BigQuery
            from ecom_assets.warehouse.bigquery.warehouse import BigQueryWarehouse
        return BigQueryWarehouse(address, options.lock_timeout)


ENGINE = BigQueryEngine()
