"""The QueryResult: what a statement answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class QueryResult(Protocol):
    """The answer to a query: the part of a cursor of Python's database API that is used here."""

    @property
    def description(self) -> Sequence[Any] | None:
        """A tuple for each column, its name first."""

    def fetchall(self) -> list[Any]:
        """Return the rows that have not been fetched yet."""
