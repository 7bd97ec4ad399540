"""The warehouse as the rest of the project knows it: where a load is put, alone and in one step, and read again.

What that takes on an engine is `duckdb_warehouse`'s and `postgres_warehouse`'s; which one it is, `chosen_warehouse`'s.
SQL is written once, in what the engines have in common, with `?` for parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from dlt.common.destination import Destination

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.transaction import Transaction

DEFAULT_LOCK_TIMEOUT = 300.0
"""Seconds to wait for a warehouse that somebody else holds."""


class Warehouse(ABC):
    """Where the shops' datasets are. Nothing is opened before it is needed."""

    name: str
    """What messages call it, without a secret."""
    kind: str
    """The engine, as Dagster's UI knows it."""
    lock_timeout: float
    """Seconds to wait for somebody else who loads."""
    driver_errors: tuple[type[Exception], ...]
    """What the engine raises."""

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.name

    @property
    @abstractmethod
    def uri(self) -> str:
        """Return its address, without a secret."""

    @abstractmethod
    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a shop whose dataset cannot be in it."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is anything to read; False before the first load into a file."""

    @abstractmethod
    def destination(self) -> Destination[Any, Any]:
        """Return dlt's destination; it can be reached only inside `transaction` and `read`."""

    @abstractmethod
    def transaction(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> AbstractContextManager[Transaction]:
        """Load into a dataset alone, and do everything in one transaction: all of it is kept, or nothing.

        Raises WarehouseError when that cannot be had within the lock's timeout; NotPublished when everything
        is kept and only a copy could not be made.
        """

    @abstractmethod
    def read(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> AbstractContextManager[Transaction]:
        """Open the warehouse for reading, with `dataset` as the schema of unqualified names.

        Raises WarehouseError when it is not there, cannot be had in time, or turns out to be broken.
        """
