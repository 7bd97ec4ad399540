"""The account and database of Snowflake in dlt's configuration or in ECOM_WAREHOUSE.

This module can be imported without Snowflake's driver.
"""

from __future__ import annotations

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.destinations.impl.snowflake.configuration import SnowflakeCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress

_SECRETS = ("password", "token")


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: snowflake://USER:PASSWORD@ACCOUNT/DATABASE?warehouse=…&role=….

    Raises:
        WarehouseError: The URL cannot be read, or lacks a part. The message does not show it.
    """
    try:
        credentials = resolve_configuration(SnowflakeCredentials(), explicit_value=url)
    except Exception:  # dlt's text may quote a secret
        raise WarehouseError(
            "ECOM_WAREHOUSE: found an address that Snowflake cannot read; allowed: "
            "snowflake://USER:PASSWORD@ACCOUNT/DATABASE?warehouse=WAREHOUSE&role=ROLE, with special characters as in "
            "%40 for @, or snowflake, with the rest in dlt's configuration"
        ) from None
    return _address(credentials)


def address_from_dlt(name: str) -> ServerAddress:
    """Return the address that dlt's configuration has for a destination. Raises dlt's errors for what is missing."""
    return _address(
        resolve_configuration(
            SnowflakeCredentials(), sections=(known_sections.DESTINATION, name, "credentials")
        )
    )


def _address(credentials: SnowflakeCredentials) -> ServerAddress:
    parameters = {
        name: value for name, value in credentials.to_connector_params().items() if value is not None
    }
    return ServerAddress(
        name=f"snowflake://{credentials.host}/{credentials.database}",
        parameters=parameters,
        secrets=tuple(str(parameters[name]) for name in _SECRETS if parameters.get(name)),
    )
