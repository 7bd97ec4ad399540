"""A MariaDB server as the warehouse. A load is one transaction on a connection that holds the lock of its dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import open_error
from ecom_assets.warehouse.mysql.errors import CONNECT_ERRORS, DRIVER_ERRORS, server_refused
from ecom_assets.warehouse.mysql.lock import acquire_lock
from ecom_assets.warehouse.mysql.transaction import MysqlTransaction
from ecom_assets.warehouse.mysql.types import COLLATION, driver_conversions
from ecom_assets.warehouse.remote.warehouse import RemoteWarehouse

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
    """A server. Each dataset is a database of it."""

    kind = "mysql"
    product = "MariaDB"
    limits_of_preview = "which refuses changed types of stored columns, and views over several shops"
    max_identifier_length = 64
    driver_errors = DRIVER_ERRORS
    transaction_type = MysqlTransaction

    def _make_dataset(self, connection: Any, dataset: str) -> None:
        connection.cursor().execute(
            f"create database if not exists `{dataset}` character set utf8mb4 collate {COLLATION}"
        )
        connection.select_db(dataset)

    def _lock_and_begin(self, connection: Any, dataset: str, on_progress: OnProgress) -> None:
        acquire_lock(connection.cursor(), dataset, self, self.lock_timeout, on_progress)
        connection.cursor().execute("start transaction")

    def _begin_reading(self, connection: Any, dataset: str) -> None:
        """Read what is committed now, for the whole block."""
        with suppress(*DRIVER_ERRORS):  # before the first load there is no database
            connection.select_db(dataset)
        cursor = connection.cursor()
        cursor.execute("set session transaction isolation level repeatable read")
        cursor.execute("start transaction with consistent snapshot, read only")

    def _is_refused(self, error: Exception) -> bool:
        return server_refused(error)

    @contextmanager
    def _connect(self, dataset: str) -> Iterator[Any]:
        try:
            connection = pymysql.connect(
                **self.address.parameters,
                charset="utf8mb4",
                collation=COLLATION,
                autocommit=True,
                conv=driver_conversions(),
                client_flag=CLIENT.FOUND_ROWS,
            )
        except CONNECT_ERRORS as error:
            raise open_error(self, self.error_text(error)) from None
        try:
            version = str(connection.get_server_info())
            if "mariadb" not in version.lower():
                raise open_error(
                    self,
                    f"found MySQL {version}; allowed: MariaDB 10.6 or newer, as MySQL lacks what loads need",
                )
            connection.cursor().execute(_SETTINGS)
            # a change of a table waits for whoever reads it, a day unless the server is told otherwise
            seconds = max(1, math.ceil(self.lock_timeout))
            connection.cursor().execute(f"set session lock_wait_timeout = {seconds}")
            yield connection
        finally:
            with suppress(*DRIVER_ERRORS):
                connection.close()
