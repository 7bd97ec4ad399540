"""The cluster and database of Redshift in ECOM_WAREHOUSE or in dlt's configuration.

This module can be imported without the driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.destinations.impl.redshift.configuration import RedshiftCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.server_address import ServerAddress, parsed_url

_DEFAULT_PORT = 5439
_OPTIONS = ("sslmode", "sslrootcert", "connect_timeout")
"""What may come after the question mark."""
_DEFAULTS: Mapping[str, Any] = {
    "sslmode": "require",
    "connect_timeout": 15,  # seconds
    # without them, a load whose machine is cut off from the cluster waits for an answer for hours
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    # the server calls it UNICODE, which the driver does not know
    "client_encoding": "utf-8",
}
_MOST_CHARACTERS_OF_A_PROGRAM = 63


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: redshift://USER:PASSWORD@HOST:PORT/DATABASE.

    Raises:
        WarehouseError: The URL cannot be read, or lacks a part. The message does not show it.
    """
    found = parsed_url(url, _DEFAULT_PORT, _OPTIONS)
    database = unquote(found.path.lstrip("/")) if found else ""
    if found is None or not database or "/" in database:
        raise _not_readable()
    return _address(found.host, found.port, database, found.user, found.password, found.options)


def address_from_dlt(name: str) -> ServerAddress:
    """Return the address that dlt's configuration has for a destination. Raises dlt's errors for what is missing."""
    found = resolve_configuration(
        RedshiftCredentials(), sections=(known_sections.DESTINATION, name, "credentials")
    )
    options = {key: value for key, value in (found.query or {}).items() if key in _OPTIONS}
    return _address(
        found.host, found.port or _DEFAULT_PORT, found.database, found.username, found.password or "", options
    )


def _address(
    host: str, port: int, database: str, user: str, password: str, options: Mapping[str, Any]
) -> ServerAddress:
    return ServerAddress(
        name=f"redshift://{host}:{port}/{database}",
        parameters={
            **_DEFAULTS,
            "fallback_application_name": process_description()[:_MOST_CHARACTERS_OF_A_PROGRAM],
            **options,
            "host": host,
            "port": port,
            "dbname": database,
            "user": user,
            "password": password,
        },
        secrets=(password,) if password else (),
    )


def _not_readable() -> WarehouseError:
    return WarehouseError(
        "ECOM_WAREHOUSE: found an address that Redshift cannot read; allowed: "
        f"redshift://USER:PASSWORD@HOST:PORT/DATABASE, and after it only ?{'=…&'.join(_OPTIONS)}=…, with special "
        "characters as in %40 for @, or redshift, with the rest in dlt's configuration"
    )
