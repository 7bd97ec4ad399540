"""What a service whose statements on tables commit by themselves cannot do in a transaction."""

from __future__ import annotations

from ecom_assets.foundation.errors import WarehouseError


class NotAtomic(Exception):
    """A change of stored rows or names that would need several statements, of which each commits by itself."""


class NotPrepared(WarehouseError):
    """A transaction needs a table that its rehearsal did not make. `statement` makes it."""

    def __init__(self, statement: str) -> None:
        """Take the statement."""
        super().__init__(
            "this engine commits each change of a table by itself, so that it cannot be a part of a transaction: "
            f"{' '.join(statement.split())[:200]}"
        )
        self.statement = statement
