"""Which exceptions PostgreSQL's driver raises, and what they mean."""

from __future__ import annotations

import psycopg2

DRIVER_ERRORS: tuple[type[Exception], ...] = (psycopg2.Error,)
"""Everything that the driver raises."""
CONNECTION_ERRORS: tuple[type[Exception], ...] = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""What the driver raises when the server or the connection to it is gone, and for some other errors of the server.

`server_refused` tells the two apart.
"""


def server_refused(error: Exception) -> bool:
    """Tell whether the server itself refused a statement, so that it had no effect.

    False means that the server ended, that the connection was lost, or that a program between them answered (the
    SQLSTATEs that begin with 08). Then nobody knows whether the statement had an effect. A full disk is a refusal,
    although the driver gives it the same type as a lost connection.
    """
    if not isinstance(error, psycopg2.Error) or error.pgcode is None:
        return False
    # FATAL and PANIC end the connection; the name is that of the protocol, not of the server's language
    return error.diag.severity_nonlocalized == "ERROR" and not error.pgcode.startswith("08")
