"""What the common tests know of Snowflake, and of its emulator. No place is copied."""

from __future__ import annotations

from typing import Any

from ecom_assets_tests.support.emulators.snowflake_emulator import new_snowflake as new_snowflake
from ecom_assets_tests.support.emulators.snowflake_emulator import snowflake_port as snowflake_port
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits


def end_connection(warehouse: Any, transaction: Any) -> None:
    """Raise what the driver raises after its last try."""
    from snowflake.connector.errors import OperationalError

    raise OperationalError("250003: Failed to execute request with s3cr3t-w0rd: connection reset")


TRAITS = EngineTraits(
    server_takes_seconds=True,
    end_connection=end_connection,
    ddl_commits=True,
    compares_any_types=True,
    lock_tables={"sandbox": ("_dlt_ecom_lock",)},
    bigint_type="NUMBER(19,0)",
)
