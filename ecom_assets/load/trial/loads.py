"""The loads of a trial: days of the sandbox, in a dataset of their own, and how one of them kills its process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.windows import Window, windows_between
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.run import run_load
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

DATASET = "ecom_warehouse_test"
"""The dataset of a trial, which is dropped at its end."""
RESOURCES = ("customers", "orders", "order_items")

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows, the second one ends a process at once, too


def trial_shop() -> Shop:
    """Return the bundled shop under the name of the trial's dataset."""
    return load_shop(BUNDLED_SHOPS / "sandbox.yaml").model_copy(update={"name": DATASET})


def windows_of(shop: Shop, first_day: int, days: int) -> tuple[Window, ...]:
    """Return some days, counted from the first one that the shop declares."""
    assert shop.partitions
    start = shop.partitions.start + timedelta(days=first_day)
    return windows_between(shop.partitions, start, start + timedelta(days=days))


def load_days(warehouse: Warehouse, first_day: int, days: int) -> None:
    """Load some days of all tables; raises the first error of a table."""
    shop = trial_shop()
    report = run_load(
        shop,
        RESOURCES,
        windows_of(shop, first_day, days),
        secrets={"api_key": SANDBOX_KEY},
        warehouse=warehouse,
        progress=lambda _: None,
    )
    for error in report.errors.values():
        raise error


def killed_before(warehouse: Warehouse, number: int) -> Warehouse:
    """Let this process kill itself before a statement of the warehouse's next transaction.

    The statement after the last one stands for the commit.
    """
    real, numbers = warehouse.transaction, count(1)
    counted: list[Transaction] = []

    def step() -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), KILL)

    def counting(transaction: Transaction) -> Transaction:
        if not any(entry is transaction for entry in counted):
            counted.append(transaction)
            execute = transaction.execute

            def stepping(sql: str, parameters: Sequence[Any] = ()) -> Any:
                step()
                return execute(sql, parameters)

            transaction.execute = stepping  # type: ignore[method-assign]
        return transaction

    @contextmanager
    def killing(
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[Transaction]:
        counted_stage = None if stage is None else lambda transaction: stage(counting(transaction))
        with real(dataset, on_progress, counted_stage) as transaction:
            yield counting(transaction)
            step()

    warehouse.transaction = killing  # type: ignore[method-assign]
    return warehouse
