"""Which exceptions Redshift's driver raises, and what they mean."""

from __future__ import annotations

import psycopg2
from psycopg2.errorcodes import QUERY_CANCELED

DRIVER_ERRORS: tuple[type[Exception], ...] = (psycopg2.Error,)
"""Everything that the driver raises."""

_CONFLICT = "1023"
"""Begins the message of a transaction that Redshift aborts because of another one. Its reason is only in the detail."""
_CONFLICT_IN_WORDS = (
    "1023, serializable isolation violation: another transaction, which is no load of this project, wrote the same "
    "tables at the same time. Run the load again"
)


def server_refused(error: Exception) -> bool:
    """Tell whether the service itself refused a statement, so that it had no effect.

    False means that the service ended, that the connection was lost, or that a program between them answered (the
    SQLSTATEs that begin with 08). Then nobody knows whether the statement had an effect.
    """
    if not isinstance(error, psycopg2.Error) or error.pgcode is None:
        return False
    # FATAL and PANIC end the connection; Redshift has English messages only
    return error.diag.severity == "ERROR" and not error.pgcode.startswith("08")


def is_canceled(error: Exception) -> bool:
    """Tell whether a statement took longer than statement_timeout, or was canceled."""
    return isinstance(error, psycopg2.Error) and error.pgcode == QUERY_CANCELED


def explain(error: Exception) -> None:
    """Give the error of a conflict between transactions a message of its own: Redshift's is a number."""
    if str(error).lstrip().startswith(_CONFLICT):
        error.args = (_CONFLICT_IN_WORDS,)
