"""What the common tests know of MariaDB."""

from __future__ import annotations

from typing import Any

from ecom_assets_tests.support.emulators.mariadb_server import copied_mysql as copied_mysql
from ecom_assets_tests.support.emulators.mariadb_server import mariadb as mariadb
from ecom_assets_tests.support.emulators.mariadb_server import new_mysql as new_mysql
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits


def end_connection(warehouse: Any, transaction: Any) -> None:
    """End the connection of a transaction on the server."""
    from ecom_assets.load.trial.loads import DATASET

    with warehouse._connect(DATASET) as connection:
        connection.cursor().execute(f"kill {transaction.connection.thread_id()}")


TRAITS = EngineTraits(
    server_takes_seconds=True,
    end_connection=end_connection,
    ddl_commits=True,
    compares_any_types=True,
    text_type="longtext collate utf8mb4_nopad_bin",
    bigint_type="bigint(20)",
)
