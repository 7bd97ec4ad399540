"""Which exceptions Databricks' driver raises, and what they mean."""

from __future__ import annotations

import re

from databricks.sql import exc

from ecom_assets.warehouse.remote.errors import NotAtomic

DRIVER_ERRORS: tuple[type[Exception], ...] = (exc.Error, NotAtomic)
"""Everything that the driver raises, and what is refused in its place."""
CONNECT_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError, ValueError)
"""What connecting raises. ValueError is a service principal that cannot sign in."""

_CONFLICT = re.compile(
    r"DELTA_CONCURRENT_\w+|DELTA_(?:METADATA|PROTOCOL)_CHANGED|Concurrent\w+Exception|"
    r"(?:Metadata|Protocol)ChangedException|SQLSTATE: (?:2D521|40001)"
)
"""Databricks' names for a conflict of two writers, each of the class 2D521, and Delta's names for the same."""
_NO_TRANSACTION = "NO_ACTIVE_TRANSACTION"
_MADE_MEANWHILE = re.compile(r"(?:TABLE_OR_VIEW|SCHEMA)_ALREADY_EXISTS")
_COLUMN_IS_THERE = re.compile(r"FIELDS?_ALREADY_EXISTS|COLUMN_ALREADY_EXISTS|DELTA_DUPLICATE_COLUMNS\w*")


def is_conflict(error: BaseException) -> bool:
    """Tell whether a statement failed because another transaction wrote the same rows or changed the table."""
    return isinstance(error, exc.Error) and bool(_CONFLICT.search(str(error)))


def was_made_meanwhile(error: BaseException) -> bool:
    """Tell whether something could not be made or changed because somebody else did so at the same moment."""
    return isinstance(error, exc.Error) and (is_conflict(error) or bool(_MADE_MEANWHILE.search(str(error))))


def has_column_already(error: BaseException) -> bool:
    """Tell whether a column could not be added because it is there."""
    return isinstance(error, exc.Error) and bool(_COLUMN_IS_THERE.search(str(error)))


def server_refused(error: Exception) -> bool:
    """Tell whether the service itself refused a statement, so that it had no effect.

    False means that no answer came. Then nobody knows whether the statement had an effect. The driver sends a request
    again whose answer was lost: a commit that finds no transaction may be the second of two.
    """
    return isinstance(error, exc.ServerOperationError) and _NO_TRANSACTION not in str(error)
