"""A MariaDB server as the warehouse. A load is one transaction on a connection that holds the lock of its dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import CLIENT

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
from ecom_assets.warehouse.mysql.configuration import MysqlAddress
from ecom_assets.warehouse.mysql.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.mysql.lock import acquire_lock
from ecom_assets.warehouse.mysql.transaction import MysqlTransaction
from ecom_assets.warehouse.mysql.types import COLLATION, driver_conversions
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse
from ecom_assets.warehouse.transaction import Transaction

MAX_IDENTIFIER_LENGTH = 64
"""Characters."""
_MOST_SECONDS_IDLE = 28_800
_SETTINGS = (
    "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', time_zone = '+00:00', default_storage_engine = InnoDB, "
    f"wait_timeout = {_MOST_SECONDS_IDLE}, join_cache_level = 8, "
    "optimizer_switch = 'semijoin=off', tx_isolation = 'READ-COMMITTED'"
)
"""What the server would cut off or change is an error. Joins without an index hash one side.

Without `semijoin`, a DELETE looks up its rows in a hashed answer of EXISTS, in place of comparing each with each."""


class MysqlWarehouse(RemoteWarehouse):
    """A server that many read at any time. Each dataset has one load at a time."""

    kind = "mysql"
    limits_of_preview = "without indexes, so that loads into large tables are slow"
    max_identifier_length = MAX_IDENTIFIER_LENGTH
    driver_errors = DRIVER_ERRORS

    def __init__(self, address: MysqlAddress, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Describe the warehouse, without opening it.

        Args:
            address: The server.
            lock_timeout: How many seconds to wait for another load of the same dataset.
        """
        self._address = address
        self._redactor = Redactor(address.secrets)
        self.name = address.name
        self.lock_timeout = lock_timeout

    @property
    def uri(self) -> str:
        """The server."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for names that are too long, or that differ in case only."""
        if len(shop.name) > MAX_IDENTIFIER_LENGTH:
            raise _too_long(shop.name, shop.name)
        for resource in shop.resources:
            self.check_columns(shop, resource.name, [column.name for column in resource.table_columns])

    def check_columns(
        self, shop: Shop, table: str, columns: Sequence[str], *, are_cut_off: bool = False
    ) -> None:
        """Raise WarehouseError for names that are too long, or columns that differ in case only."""
        where = f"{shop.name}.{table}"
        seen: dict[str, str] = {}
        for name in (table, *columns):
            if len(name) > MAX_IDENTIFIER_LENGTH and not are_cut_off:
                raise _too_long(where, name)
        for name in columns:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                raise WarehouseError(
                    f"{where}: the columns {other} and {name} would have the same name in MariaDB; rename one of them "
                    "with path"
                )

    def exists(self) -> bool:
        """Return True: a server exists before its first load. If it does not, connecting says so."""
        return True

    @contextmanager
    def transaction(
        self,
        dataset: str,
        on_progress: OnProgress = lambda _: None,
        stage: Callable[[Transaction], None] | None = None,
    ) -> Iterator[MysqlTransaction]:
        """Lock the dataset and write it in one transaction. Others read the former state until the commit.

        See `Warehouse.transaction` for arguments and errors. WarehouseError is also raised if the server refuses the
        commit, or if the connection is lost during it.
        """
        with self._connect() as connection:
            transaction = MysqlTransaction(connection)
            cursor = connection.cursor()
            cursor.execute(
                f"create database if not exists `{dataset}` character set utf8mb4 collate {COLLATION}"
            )
            connection.select_db(dataset)
            if stage is not None:
                stage(transaction)
            acquire_lock(cursor, dataset, self, self.lock_timeout, on_progress)
            cursor.execute("start transaction")
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
    def read(self, dataset: str, on_progress: OnProgress = lambda _: None) -> Iterator[MysqlTransaction]:
        """Read what is committed now, for the whole block, without waiting for a load.

        See `Warehouse.read` for arguments and errors.
        """
        with self._connect() as connection:
            try:
                with suppress(*DRIVER_ERRORS):  # before the first load there is no database
                    connection.select_db(dataset)
                cursor = connection.cursor()
                cursor.execute("set session transaction isolation level repeatable read")
                cursor.execute("start transaction with consistent snapshot, read only")
                transaction = MysqlTransaction(connection)
                refuse_newer_layout(transaction, dataset)
                yield transaction
            except DRIVER_ERRORS as error:
                raise read_error(self, self._redactor.scrub(one_line(error))) from None

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        """Hold an open connection, which is closed without a commit."""
        try:
            connection = pymysql.connect(
                **self._address.parameters,
                charset="utf8mb4",
                collation=COLLATION,
                autocommit=True,
                conv=driver_conversions(),
                client_flag=CLIENT.FOUND_ROWS,
            )
        except CONNECT_ERRORS as error:
            raise open_error(self, self._redactor.scrub(one_line(error))) from None
        try:
            version = str(connection.get_server_info())
            if "mariadb" not in version.lower():
                raise open_error(
                    self,
                    f"found MySQL {version}; allowed: MariaDB 10.6 or newer, as MySQL lacks what loads need",
                )
            connection.cursor().execute(_SETTINGS)
            yield connection
        finally:
            with suppress(*DRIVER_ERRORS):
                connection.close()


def _too_long(where: str, name: str) -> WarehouseError:
    return WarehouseError(
        f"{where}: the name {name} is longer than the {MAX_IDENTIFIER_LENGTH} characters that MariaDB allows"
    )
