"""What the common tests know of Databricks, and of what stands for it."""

from __future__ import annotations

from typing import Any

from ecom_assets_tests.support.emulators.databricks_emulator import copied_databricks as copied_databricks
from ecom_assets_tests.support.emulators.databricks_emulator import new_databricks as new_databricks
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits


def end_connection(warehouse: Any, transaction: Any) -> None:
    """Close the session, and raise what the driver raises after its last try."""
    transaction.connection._session.close()
    raise warehouse.driver_errors[0]("Error during request to server with s3cr3t-w0rd")


TRAITS = EngineTraits(
    is_in_this_process=True,
    end_connection=end_connection,
    ddl_commits=True,
    compares_any_types=True,
    lock_tables={"sandbox": ("_dlt_ecom_lock",)},
    text_type="STRING",
)
