"""The address of a MariaDB server in ECOM_WAREHOUSE.

This module can be imported without the driver.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.server_address import ServerAddress

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
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:  # its text may quote a secret
        raise _not_readable() from None
    host, user = parts.hostname, unquote(parts.username or "")
    # a password with an unescaped special character ends up in another part
    is_cut = "@" in (parts.path + parts.query + parts.fragment) or "@" in (host or "") or bool(parts.fragment)
    if not host or not user or is_cut or parts.path not in ("", "/") or set(options) - set(_OPTIONS):
        raise _not_readable()
    password = unquote(parts.password or "")
    return ServerAddress(
        name=f"mysql://{host}:{port}",
        parameters={
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "connect_timeout": _CONNECT_TIMEOUT,
            **options,
        },
        secrets=(password,) if password else (),
    )


def _not_readable() -> WarehouseError:
    return WarehouseError(
        "ECOM_WAREHOUSE: found an address that MariaDB cannot read; allowed: mysql://USER:PASSWORD@HOST:PORT/ without "
        f"a database, as each shop is one, and after it only ?{'=…&'.join(_OPTIONS)}=…, with special characters as in "
        "%40 for @"
    )
