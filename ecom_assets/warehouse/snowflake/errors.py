"""Which exceptions Snowflake's driver raises, and what they mean."""

from __future__ import annotations

from snowflake.connector import errors

from ecom_assets.warehouse.remote.errors import NotAtomic

DRIVER_ERRORS: tuple[type[Exception], ...] = (errors.Error, NotAtomic)
"""Everything that the driver raises, and what is refused in its place."""
CONNECT_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError)
"""What connecting raises."""

_LOCK_TIMEOUT = 625
"""Another transaction held a lock for longer than LOCK_TIMEOUT."""
_SERVER_ERRORS: tuple[type[Exception], ...] = (
    errors.ProgrammingError,
    errors.IntegrityError,
    errors.DataError,
)


def is_locked(error: Exception) -> bool:
    """Tell whether another transaction holds a lock that a statement needs."""
    return isinstance(error, errors.Error) and error.errno == _LOCK_TIMEOUT


def server_refused(error: Exception) -> bool:
    """Tell whether the service itself refused a statement, so that it had no effect.

    False means that no answer came. Then nobody knows whether the statement had an effect.
    """
    return isinstance(error, _SERVER_ERRORS)
