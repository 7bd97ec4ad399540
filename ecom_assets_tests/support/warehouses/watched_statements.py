"""Watching the statements that a load sends to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse


def watched(warehouse: Warehouse, see: Callable[[Any, str], object]) -> Warehouse:
    """Call `see` with the connection and the text before each statement of a transaction, once the lock is held."""
    real = warehouse.transaction

    class Watched(cursor):  # type: ignore[misc]  # comes without types
        def execute(self, query: Any, vars: Any = None) -> None:
            see(self.connection, query if isinstance(query, str) else query.decode())
            super().execute(query, vars)

    @contextmanager
    def transaction(
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[Any]:
        with real(dataset, on_progress, stage) as transaction:
            connection = transaction.connection  # type: ignore[attr-defined]
            connection.cursor_factory = Watched
            yield transaction

    warehouse.transaction = transaction  # type: ignore[method-assign]
    return warehouse
