"""What a statement on a service returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class NoRows:
    """The answer to a statement that was not run."""

    description: Sequence[Any] | None = None
    rowcount = 0

    def fetchall(self) -> list[Any]:
        """Return nothing."""
        return []


class Answer:
    """The answer to a statement, with the names of columns in lower case, as all other engines have them."""

    def __init__(self, cursor: Any) -> None:
        """Take the driver's cursor."""
        self._cursor = cursor

    @property
    def description(self) -> Sequence[Any] | None:
        """A tuple for each column, its name first."""
        columns = self._cursor.description
        return columns and [(column[0].lower(), *column[1:]) for column in columns]

    def fetchall(self) -> list[Any]:
        """Return the rows that have not been fetched yet."""
        return list(self._cursor.fetchall())
