"""The SQL warehouse and the catalog of Databricks in dlt's configuration or in ECOM_WAREHOUSE.

This module can be imported without Databricks' driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.destinations.impl.databricks.configuration import (
    DATABRICKS_APPLICATION_ID,
    DatabricksCredentials,
)

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress

_OPTIONS = ("http_path", "catalog")
_SECRET_WORDS = ("secret", "token", "password", "authorization")
"""In the names of settings of the driver whose values no message shows."""


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: databricks://token:TOKEN@HOST?http_path=…&catalog=…, as SQLAlchemy has it.

    Raises:
        WarehouseError: The URL cannot be read, or lacks a part. The message does not show it.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
        token, user = unquote(parts.password or ""), parts.username
        is_whole = user == "token" and token and parts.hostname and parts.port in (None, 443)
    except ValueError:  # its text may quote the token
        is_whole, options = False, {}
    is_wrong = not is_whole or set(options) != set(_OPTIONS) or not all(options.values())
    if is_wrong or parts.path.strip("/") or parts.fragment:
        raise WarehouseError(
            "ECOM_WAREHOUSE: found an address that Databricks cannot read; allowed: "
            "databricks://token:TOKEN@HOST?http_path=/sql/1.0/warehouses/ID&catalog=CATALOG, with special characters "
            "as in %40 for @, or databricks, with the rest in dlt's configuration"
        )
    credentials = DatabricksCredentials()
    credentials.server_hostname, credentials.access_token = parts.hostname, token
    credentials.http_path, credentials.catalog = options["http_path"], options["catalog"]
    return _address(credentials)


def address_from_dlt(name: str) -> ServerAddress:
    """Return the address that dlt's configuration has for a destination. Raises dlt's errors for what is missing.

    Raises:
        WarehouseError: There is neither a token nor a service principal, or no SQL warehouse.
    """
    sections = (known_sections.DESTINATION, name, "credentials")
    try:
        credentials = resolve_configuration(DatabricksCredentials(), sections=sections)
    except ConfigurationValueError:  # dlt's text says less, and may quote a value
        raise WarehouseError(
            f"ECOM_WAREHOUSE: the destination {name!r} needs server_hostname, http_path and catalog, and access_token, "
            f"or client_id and client_secret, under {'.'.join(sections)}, in .dlt/secrets.toml or in the environment "
            f"as {'__'.join(sections).upper()}"
        ) from None
    return _address(credentials)


def _address(credentials: DatabricksCredentials) -> ServerAddress:
    parameters = {
        name: value for name, value in credentials.to_connector_params().items() if value is not None
    }
    if parameters.get("user_agent_entry") == DATABRICKS_APPLICATION_ID:
        # by this name, Databricks' query history shows who ran a statement
        parameters["user_agent_entry"] = "ecom-assets"
    if "credentials_provider" in parameters:
        # the driver prefers a token, which may be a function here
        parameters.pop("access_token", None)
    return ServerAddress(
        name=f"databricks://{credentials.server_hostname}/{credentials.catalog}",
        parameters=parameters,
        secrets=tuple(dict.fromkeys(_secrets(credentials, parameters))),
    )


def _secrets(credentials: DatabricksCredentials, parameters: dict[str, Any]) -> Iterator[str]:
    for value in (credentials.access_token, credentials.client_secret):
        if isinstance(value, str) and value:
            yield value
    for name, value in parameters.items():
        if isinstance(value, str) and value and any(word in name.lower() for word in _SECRET_WORDS):
            yield value
