"""Which exceptions MariaDB's driver raises, and what they mean."""

from __future__ import annotations

import pymysql

from ecom_assets.warehouse.remote.errors import NotAtomic

DRIVER_ERRORS: tuple[type[Exception], ...] = (pymysql.MySQLError, NotAtomic)
"""Everything that the driver raises, and what is refused in its place."""
CONNECT_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError, RuntimeError)
"""What connecting raises. RuntimeError is a way to log in for which a package is missing."""

_SERVER_CODES = range(1000, 2000)
"""The numbers of the server's errors. Those of a client begin at 2000, and MariaDB's later ones at 3000."""
_SHUTDOWN, _CONNECTION_KILLED = 1053, 1927
_LATER_SERVER_CODES = range(3000, 5000)


def server_refused(error: Exception) -> bool:
    """Tell whether the server itself refused a statement, so that it had no effect.

    False means that no answer came. Then nobody knows whether the statement had an effect.
    """
    code = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
    if code in (_SHUTDOWN, _CONNECTION_KILLED):
        return False
    return code in _SERVER_CODES or code in _LATER_SERVER_CODES
