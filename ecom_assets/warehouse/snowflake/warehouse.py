"""A database of Snowflake as the warehouse. A load is one transaction that holds a row of its dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import snowflake.connector

from ecom_assets.client.redaction import Redactor
from ecom_assets.declaration.reading import Shop
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import (
    one_line,
    open_error,
    read_error,
    unchanged_error,
    unknown_commit_error,
)
from ecom_assets.warehouse.layout import refuse_newer_layout
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.snowflake.configuration import SnowflakeAddress
from ecom_assets.warehouse.snowflake.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.snowflake.lock import LOCK_TIMEOUT, acquire_lock, prepare_lock
from ecom_assets.warehouse.snowflake.transaction import SnowflakeTransaction
from ecom_assets.warehouse.transaction import Transaction

MAX_IDENTIFIER_LENGTH = 255
"""Characters."""


class SnowflakeWarehouse(RemoteWarehouse):
    """A database that many read at any time. Each dataset has one load at a time."""

    kind = "snowflake"
    limits_of_preview = "untested against the service"
    max_identifier_length = MAX_IDENTIFIER_LENGTH
    driver_errors = DRIVER_ERRORS

    def __init__(self, address: SnowflakeAddress, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The account and the database.
            lock_timeout: How many seconds to wait for another load of the same dataset.
        """
        self._address = address
        self._redactor = Redactor(address.secrets)
        self.name = address.name
        self.lock_timeout = lock_timeout

    @property
    def uri(self) -> str:
        """Account and database."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for two names that differ in case only: Snowflake's are all in upper case."""
        for resource in shop.resources:
            self.check_columns(shop, resource.name, [column.name for column in resource.table_columns])

    def check_columns(
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError for names that are too long, or that differ in case only."""
        seen: dict[str, str] = {}
        for name in (table, *columns):
            if len(name) > MAX_IDENTIFIER_LENGTH and not are_cut_off:
                raise WarehouseError(
                    f"{shop.name}.{table}: the name {name} is longer than the {MAX_IDENTIFIER_LENGTH} characters that "
                    "Snowflake allows"
                )
        for name in columns:
            other = seen.setdefault(name.upper(), name)
            if other != name:
                raise WarehouseError(
                    f"{shop.name}.{table}: the columns {other} and {name} would have the same name in Snowflake; "
                    "rename one of them with path"
                )

    def exists(self) -> bool:
        """Return True: a database exists before its first load. If it does not, connecting says so."""
        return True

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[SnowflakeTransaction]:
        """Lock the dataset and write it in one transaction. Others read the former state until the commit.

        See `Warehouse.transaction` for arguments and errors. WarehouseError is also raised if the service refuses the
        commit, or if the connection is lost during it.
        """
        schema = dataset.upper()
        with self._connect(dataset) as connection:
            transaction = SnowflakeTransaction(connection)
            cursor = connection.cursor()
            prepare_lock(cursor, schema)
            cursor.execute(f'use schema "{schema}"')
            if stage is not None:
                stage(transaction)
            acquire_lock(cursor, schema, self, self.lock_timeout, on_progress)
            transaction.is_open = True
            transaction.forget_columns()
            refuse_newer_layout(transaction, dataset)
            yield transaction
            self._commit(cursor)
            transaction.drop_tables()

    def _commit(self, cursor: Any) -> None:
        try:
            cursor.execute("commit")
        except DRIVER_ERRORS as error:
            text = self._redactor.scrub(one_line(error))
            if server_refused(error):
                raise unchanged_error(self, text) from None
            raise unknown_commit_error(
                f"the connection to the warehouse {self} was lost at the moment of the commit: {text}"
            ) from None

    @contextmanager
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[SnowflakeTransaction]:
        """Read what is committed, without waiting for a load: each statement as it is at its time.

        See `Warehouse.read` for arguments and errors.
        """
        with self._connect(dataset) as connection:
            try:
                with suppress(*DRIVER_ERRORS):  # before the first load there is no schema
                    connection.cursor().execute(f'use schema "{dataset.upper()}"')
                transaction = SnowflakeTransaction(connection)
                refuse_newer_layout(transaction, dataset)
                yield transaction
            except DRIVER_ERRORS as error:
                raise read_error(self, self._redactor.scrub(one_line(error))) from None

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        """Hold an open connection, which is closed without a commit. Snowflake's query history has the dataset."""
        try:
            connection = snowflake.connector.connect(
                **self._address.parameters,
                paramstyle="qmark",
                session_parameters={"QUERY_TAG": f"ecom-assets {dataset}", "LOCK_TIMEOUT": LOCK_TIMEOUT},
            )
        except CONNECT_ERRORS as error:
            raise open_error(self, self._redactor.scrub(one_line(error))) from None
        try:
            yield connection
        finally:
            # at once: a transaction that nobody ends keeps its locks for minutes
            with suppress(*DRIVER_ERRORS):
                connection.cursor().execute("rollback")
            connection.close()
