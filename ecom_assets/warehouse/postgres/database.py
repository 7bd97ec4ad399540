"""A PostgreSQL database: connections to it, and its errors without a secret.

It may be a warehouse or the catalog of a lake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn

from ecom_assets.client.redaction import Redactor
from ecom_assets.warehouse.errors import one_line, open_error, redacted_errors
from ecom_assets.warehouse.postgres.configuration import parse_address

_SETTINGS = (
    "set TimeZone to 'UTC'; set tcp_keepalives_idle to 30; set tcp_keepalives_interval to 10; "
    "set tcp_keepalives_count to 3; set idle_in_transaction_session_timeout to 0"
)
"""With them the server notices within a minute that a machine which holds a lock is gone, and never ends the
connection of a load that is busy elsewhere."""


class PostgresDatabase:
    """A database at an address. It is opened only when it is used."""

    def __init__(self, address: str) -> None:
        """Raise WarehouseError, which does not show the address, if the address cannot be read."""
        self.address = parse_address(address)
        self._redactor = Redactor(self.address.secrets)

    @contextmanager
    def connect(self, warehouse: object) -> Iterator[Any]:
        """Hold an open connection.

        Args:
            warehouse: The name of the warehouse in the error's message.

        Raises:
            WarehouseError: There is no connection to the server.
        """
        try:
            connection = psycopg2.connect(make_dsn(**self.address.parameters))
        except psycopg2.OperationalError as error:
            raise open_error(warehouse, self.error_text(error)) from None
        try:
            with redacted_errors(self._redactor):
                with connection.cursor() as cursor:
                    cursor.execute(_SETTINGS)
                connection.commit()
                yield connection
        finally:
            connection.close()

    def error_text(self, error: Exception) -> str:
        """Return an error's text as one line, without a secret."""
        return self._redactor.scrub(one_line(error))
