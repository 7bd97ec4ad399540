"""What the common tests know of Redshift, and of what stands for it."""

from __future__ import annotations

from typing import Any

from ecom_assets_tests.support.emulators.redshift_stand_in import copied_redshift as copied_redshift
from ecom_assets_tests.support.emulators.redshift_stand_in import new_redshift as new_redshift
from ecom_assets_tests.support.emulators.redshift_stand_in import redshift as redshift
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits


def end_connection(warehouse: Any, transaction: Any) -> None:
    """End the session of a transaction on the server."""
    from ecom_assets.load.trial.loads import DATASET

    with warehouse._connect(DATASET) as connection:
        pid = transaction.connection.info.backend_pid
        connection.cursor().execute(f"select pg_terminate_backend({pid})")


TRAITS = EngineTraits(
    is_on_postgres=True,
    end_connection=end_connection,
    sets_not_null_in_loads=False,
    keeps_columns_of_views=True,
    has_system_columns=True,
    lock_tables={"sandbox": ("_dlt_ecom_lock",)},
    text_type="character varying(65535)",
    bigint_type="bigint",
)
