"""The address of a MariaDB server in ECOM_WAREHOUSE.

This module can be imported without the driver.
"""

from __future__ import annotations

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress, parsed_url

_DEFAULT_PORT = 3306
_OPTIONS = ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key")
"""What may come after the question mark."""
_CONNECT_TIMEOUT = 15
"""Seconds."""


def address_from_url(url: str) -> ServerAddress:
    """Return the address that a URL names: mysql://USER:PASSWORD@HOST:PORT/, or mariadb://….

    Raises:
        WarehouseError: The URL cannot be read, or lacks a part. The message does not show it.
    """
    found = parsed_url(url, _DEFAULT_PORT, _OPTIONS)
    if found is None or found.path not in ("", "/"):
        raise _not_readable()
    return ServerAddress(
        name=f"mysql://{found.host}:{found.port}",
        parameters={
            "host": found.host,
            "port": found.port,
            "user": found.user,
            "password": found.password,
            "connect_timeout": _CONNECT_TIMEOUT,
            **found.options,
        },
        secrets=(found.password,) if found.password else (),
    )


def _not_readable() -> WarehouseError:
    return WarehouseError(
        "ECOM_WAREHOUSE: found an address that MariaDB cannot read; allowed: mysql://USER:PASSWORD@HOST:PORT/ without "
        f"a database, as each shop is one, and after it only ?{'=…&'.join(_OPTIONS)}=…, with special characters as in "
        "%40 for @"
    )
