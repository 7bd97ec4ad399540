"""Which exceptions DuckDB raises, and what they mean."""

from __future__ import annotations

import re

import duckdb

DRIVER_ERRORS: tuple[type[Exception], ...] = (duckdb.Error,)
"""Everything that DuckDB raises."""
OPEN_ERRORS: tuple[type[Exception], ...] = (*DRIVER_ERRORS, OSError)
"""What opening a file raises."""
BROKEN_FILE_ERRORS: tuple[type[Exception], ...] = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.InternalException,
)
"""What DuckDB raises when a file that it has open turns out to be unreadable or broken."""


def holder_of_file(error: Exception) -> str | None:
    """Return the program that has the file open, or None if the error says something else."""
    if "Could not set lock on file" not in str(error):
        return None
    holder = re.search(r"Conflicting lock is held in (.*?)\. ", f"{error} ")
    return holder[1] if holder else "another program"
