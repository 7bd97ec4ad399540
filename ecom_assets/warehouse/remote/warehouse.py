"""A service as the warehouse whose statements on tables commit by themselves, so that each load is rehearsed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import failed_commit_error, one_line, read_error, redacted_errors
from ecom_assets.warehouse.layout import refuse_newer_layout
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.remote.errors import NotPrepared
from ecom_assets.warehouse.remote.transaction import RemoteTransaction
from ecom_assets.warehouse.server_address import ServerAddress
from ecom_assets.warehouse.transaction import Transaction
from ecom_assets.warehouse.warehouse import Warehouse

_MAX_TRIES = 4
"""How often a load is rehearsed, because meanwhile another one changed what it found."""

Result = TypeVar("Result")


class RemoteWarehouse(Warehouse):
    """A service with one dataset for each shop. Many read at any time; each dataset has one load at a time."""

    product: str
    """What messages call the engine."""
    transaction_type: Callable[[Any], RemoteTransaction]
    """Makes the transaction of the driver's connection."""

    def __init__(self, address: ServerAddress, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The service.
            lock_timeout: How many seconds to wait for another load of the same dataset.
        """
        self.address = address
        self._redactor = Redactor(address.secrets)
        self.name = address.name
        self.lock_timeout = lock_timeout

    @property
    def uri(self) -> str:
        """The service, and the database if the address names one."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for names that are too long, or columns that differ in case only."""
        self._check_length(shop.name, shop.name)
        for resource in shop.resources:
            self.check_columns(shop, resource.name, [column.name for column in resource.table_columns])

    def check_columns(
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError for names that are too long, or columns that differ in case only."""
        where = f"{shop.name}.{table}"
        seen: dict[str, str] = {}
        for name in () if are_cut_off else (table, *columns):
            self._check_length(where, name)
        for name in columns:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise WarehouseError(
                    f"{where}: the columns {other} and {name} would have the same name in {self.product}; rename one "
                    "of them with path"
                )

    def exists(self) -> bool:
        """Return True: a service exists before its first load. If it does not, connecting says so."""
        return True

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[RemoteTransaction]:
        """Lock the dataset and write it in one transaction. Others read the former state until the commit.

        See `Warehouse.transaction` for arguments and errors. WarehouseError is also raised if the service refuses the
        commit, or if the connection is lost during it.
        """
        with redacted_errors(self._redactor), self._connect(dataset) as connection:
            self._make_dataset(connection, dataset)
            transaction = self.transaction_type(connection)
            if stage is not None:
                stage(transaction)
            self._lock_and_begin(connection, dataset, on_progress)
            transaction.is_open = True
            transaction.forget_columns()
            refuse_newer_layout(transaction, dataset)
            yield transaction
            self._commit(transaction)
            transaction.drop_tables()

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[RemoteTransaction]:
        """Read what is committed, without waiting for a load. See `Warehouse.read` for arguments and errors."""
        with redacted_errors(self._redactor), self._connect(dataset) as connection:
            try:
                self._begin_reading(connection, dataset)
                transaction = self.transaction_type(connection)
                refuse_newer_layout(transaction, dataset)
                yield transaction
            except self.driver_errors as error:
                raise read_error(self, self.error_text(error)) from None

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

    def error_text(self, error: BaseException) -> str:
        """Return the text of an error of the driver as one line, without a secret."""
        return self._redactor.scrub(one_line(error))

    @abstractmethod
    def _connect(self, dataset: str) -> AbstractContextManager[Any]:
        """Hold an open connection, which is closed without a commit. Raises WarehouseError if there is none."""

    @abstractmethod
    def _make_dataset(self, connection: Any, dataset: str) -> None:
        """Make the dataset unless it is there, and let unqualified names mean its tables."""

    @abstractmethod
    def _lock_and_begin(self, connection: Any, dataset: str, on_progress: OnProgress) -> None:
        """Take the lock of the dataset, and begin a transaction. Raises WarehouseError if the lock is not free."""

    @abstractmethod
    def _begin_reading(self, connection: Any, dataset: str) -> None:
        """Let unqualified names mean the tables of the dataset, which may not be there yet."""

    @abstractmethod
    def _is_refused(self, error: Exception) -> bool:
        """Tell whether the service itself refused a statement, so that it had no effect."""

    def _commit(self, transaction: RemoteTransaction) -> None:
        try:
            transaction.run("commit")
        except self.driver_errors as error:
            refused = self._is_refused(error)
            raise failed_commit_error(self, self.error_text(error), is_refused=refused) from None

    def _check_length(self, where: str, name: str) -> None:
        if len(name) > self.max_identifier_length:
            raise WarehouseError(
                f"{where}: the name {name} is longer than the {self.max_identifier_length} characters that "
                f"{self.product} allows"
            )
