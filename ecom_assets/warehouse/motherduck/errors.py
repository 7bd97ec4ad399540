"""Which exceptions MotherDuck raises, and what they mean. DuckDB is the driver, so they are DuckDB's."""

from __future__ import annotations

import re

import duckdb

from ecom_assets.warehouse.duckdb.errors import DRIVER_ERRORS
from ecom_assets.warehouse.errors import one_line

__all__ = ["DRIVER_ERRORS", "READ_ERRORS", "is_conflict", "open_problem"]

READ_ERRORS: tuple[type[Exception], ...] = (
    duckdb.OperationalError,
    duckdb.InternalError,
    duckdb.ConnectionException,
    duckdb.FatalException,
    duckdb.InvalidInputException,
)
"""What DuckDB raises when the service does not answer. The classes of a wrong statement are not among them."""

_CONFLICTS = (
    "conflict on update",
    "conflict on tuple deletion",
    "write-write conflict",
    "transaction conflict",
)
"""DuckDB's words, in lower case, for a statement or a commit that another transaction prevents."""
_INITIALISATION = re.compile(r'Initialization function .* threw an exception: "(.*)"')
_EXTENSION_ERRORS = ("Failed to download extension", "Failed to install", "Can't find the home directory")


def is_conflict(error: BaseException) -> bool:
    """Tell whether a statement or a commit failed because another transaction writes the same rows.

    The text tells it and not the class: a failed commit has the same class when the connection was lost.
    """
    text = str(error).lower()
    return isinstance(error, duckdb.Error) and any(words in text for words in _CONFLICTS)


def open_problem(error: Exception) -> str:
    """Return why the database cannot be opened, in one line."""
    text = one_line(error)
    if any(words in text for words in _EXTENSION_ERRORS):
        return (
            f"DuckDB {duckdb.__version__} cannot install its extension motherduck: {text}. Let this machine reach "
            "DuckDB's repository of extensions once, or copy the extension: docs/motherduck.md says how"
        )
    started = _INITIALISATION.search(text)
    return started[1] if started else text
