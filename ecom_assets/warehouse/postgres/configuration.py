"""The address of a PostgreSQL database, in ECOM_WAREHOUSE or in dlt's configuration, and why one is refused.

This module can be imported without PostgreSQL's driver.
"""

from __future__ import annotations

import re

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.lock import process_description
from ecom_assets.warehouse.postgres.identifiers import MAX_IDENTIFIER_LENGTH
from ecom_assets.warehouse.server_address import ServerAddress

_CONNECT_TIMEOUT = 15
"""Seconds, unless the address has another timeout."""


def parse_address(text: str) -> ServerAddress:
    """Take an address apart. Its parameters are those of libpq.

    Raises:
        WarehouseError: The address cannot be read. The message does not show it.
    """
    # imported here, because users of a DuckDB file have no driver for PostgreSQL
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parts = parse_dsn(text)
    except ProgrammingError:
        parts = {"host": "@"}
    host, database = parts.get("host", ""), parts.get("dbname", "")
    # a password with an unescaped special character ends up in host, database or port
    if "@" in host + database or not re.fullmatch(r"[\d,]*", parts.get("port", "")):
        raise WarehouseError(
            "ECOM_WAREHOUSE: found an address that PostgreSQL cannot read; allowed: "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as in %40 for @"
        )
    return ServerAddress(
        name=f"postgresql://{host}{':' if 'port' in parts else ''}{parts.get('port', '')}/{database}",
        parameters={
            "connect_timeout": str(_CONNECT_TIMEOUT),
            "fallback_application_name": process_description()[:MAX_IDENTIFIER_LENGTH],
            **parts,
        },
        secrets=tuple(parts[name] for name in ("password", "sslpassword") if name in parts),
    )


def address_from_dlt(name: str) -> str:
    """Return the address that dlt's configuration has for a destination. Raises dlt's errors for what is missing."""
    return libpq_address(
        resolve_configuration(
            PostgresCredentials(), sections=(known_sections.DESTINATION, name, "credentials")
        )
    )


def libpq_address(credentials: ConnectionStringCredentials) -> str:
    """Return dlt's credentials as an address for libpq, which does not read a plus sign as a space."""
    address, separator, query = credentials.to_native_representation().partition("?")
    return address + separator + query.replace("+", "%20")
