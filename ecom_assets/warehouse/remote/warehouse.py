"""A service as the warehouse whose statements on tables commit by themselves, so that each load is rehearsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.remote.transaction import NotPrepared, RemoteTransaction
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_MAX_TRIES = 4
"""How often a load is rehearsed, because meanwhile another one changed what it found."""

Result = TypeVar("Result")


class RemoteWarehouse(Warehouse):
    """A service with one dataset for each shop."""

    def write(
        self,
        dataset: str,
        work: Callable[[Transaction], Result],
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Result:
        """Rehearse the work, then do it in one transaction. See `Warehouse.write` for arguments and errors."""
        missing: list[str] = []

        def prepare(transaction: Transaction) -> None:
            assert isinstance(transaction, RemoteTransaction)
            if stage is not None:
                stage(transaction)
            transaction.begin_rehearsal()
            work(transaction)
            transaction.end_rehearsal(missing)

        for _ in range(_MAX_TRIES - 1):
            try:
                with self.transaction(dataset, on_progress, prepare) as transaction:
                    return work(transaction)
            except NotPrepared as error:
                missing.append(error.statement)
        with self.transaction(dataset, on_progress, prepare) as transaction:
            return work(transaction)
