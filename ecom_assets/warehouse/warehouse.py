"""The Warehouse: where the shops' tables are. A load writes it alone and in one transaction.

The environment chooses the engine. See `ecom_assets.warehouse.choice`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.transaction import Transaction

Result = TypeVar("Result")


class Warehouse(ABC):
    """A database, a file or a lake with one dataset (a schema) for each shop. It is opened only when it is used."""

    name: str
    """Its name in messages, without a secret."""
    kind: str
    """The engine, as dlt calls the destination type and as Dagster's UI shows it."""
    lock_timeout: float
    """How many seconds a load waits for another load of the same dataset."""
    max_identifier_length: int
    """The length at which the names of undeclared columns are cut off."""
    limits_of_preview: str = ""
    """What a preview lacks, for a person; empty if the engine is none."""
    is_optimistic: bool = False
    """Whether a load does not wait for another one: the one that commits later raises `Overtaken`. `write` then does
    all of its work again."""
    driver_errors: tuple[type[Exception], ...]
    """The exceptions that the engine's driver raises. They are listed in the engine's `errors.py`."""

    def __str__(self) -> str:
        """Return its name in messages."""
        return self.name

    @property
    def preview(self) -> str:
        """Return a line for a person if the engine is a preview."""
        if not self.limits_of_preview:
            return ""
        return f"{self}: a preview, {self.limits_of_preview}. Try it first: ecom-assets warehouse-test"

    @property
    @abstractmethod
    def uri(self) -> str:
        """The address, without a secret."""

    @abstractmethod
    def check(self, shop: Shop) -> None:
        """Raise WarehouseError if the engine cannot hold the shop's dataset, because of a name for example."""

    def check_dataset(self, dataset: str, whose: str) -> None:  # noqa: B027  # most engines hold any dataset
        """Raise WarehouseError if the engine cannot tell a dataset from something else.

        Args:
            dataset: Its name.
            whose: What messages call it, such as `the shop north`.
        """

    def check_columns(  # noqa: B027  # most engines hold any columns
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError if the engine cannot hold a table with these columns.

        Args:
            shop: The shop of the table.
            table: The table.
            columns: The names of all its columns.
            are_cut_off: Whether dlt makes long names shorter, as it does with those of undeclared fields.
        """

    def is_same(self, other: Warehouse) -> bool:
        """Return whether another warehouse is known to be the same one."""
        return (self.kind, self.uri) == (other.kind, other.uri)

    @abstractmethod
    def exists(self) -> bool:
        """Return whether there is something to read. It is False before the first load into a file."""

    @abstractmethod
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> AbstractContextManager[Transaction]:
        """Lock a dataset and write it in one transaction, which is committed at the end of the block.

        If the block raises, nothing is written.

        Args:
            dataset: The schema to write.
            on_progress: Receives a line when another process holds the lock.
            stage: Makes rows available to SQL. If the engine can, it is called before the lock is taken.

        Raises:
            WarehouseError: The warehouse cannot be opened, or the lock is not free within `lock_timeout` seconds.
            NotPublished: Everything is committed, but the copy for readers could not be replaced.
        """

    def write(
        self,
        dataset: str,
        work: Callable[[Transaction], Result],
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Result:
        """Lock a dataset, let `work` write it in one transaction, and return its result.

        An engine whose statements on tables commit by themselves calls `work` several times; only the last time its
        transaction is not a rehearsal.

        Args:
            dataset: The schema to write.
            work: Writes. If it raises, nothing is written.
            on_progress: Receives a line when another process holds the lock.
            stage: Makes rows available to SQL. If the engine can, it is called before the lock is taken.

        Raises:
            WarehouseError: As in `transaction`.
            NotPublished: As in `transaction`.
        """
        with self.transaction(dataset, on_progress, stage) as transaction:
            return work(transaction)

    @abstractmethod
    def read(
        self, dataset: str, on_progress: OnProgress = lambda _: None
    ) -> AbstractContextManager[Transaction]:
        """Open the warehouse for reading.

        Args:
            dataset: The schema of unqualified names.
            on_progress: Receives a line when another process has to be waited for.

        Raises:
            WarehouseError: The warehouse does not exist, cannot be opened in time, or is broken.
        """
