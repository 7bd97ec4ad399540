"""What the common tests know of BigQuery, and of its emulator, which takes no key."""

from __future__ import annotations

from typing import Any

import requests

from ecom_assets_tests.support.emulators.bigquery_emulator import bigquery_port as bigquery_port
from ecom_assets_tests.support.emulators.bigquery_emulator import copied_bigquery as copied_bigquery
from ecom_assets_tests.support.emulators.bigquery_emulator import new_bigquery as new_bigquery
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits


def end_connection(warehouse: Any, transaction: Any) -> None:
    """Raise what the client raises after its last try."""
    raise requests.ConnectionError("no answer to a request")


TRAITS = EngineTraits(
    server_takes_seconds=True,
    address_has_password=False,
    end_connection=end_connection,
    ddl_commits=True,
    compares_any_types=True,
    decimals_have_one_size=True,
    lists_tables_by_dataset=True,
    lock_tables={"sandbox": ("_dlt_ecom_lock", "_dlt_ecom_sessions")},
    text_type="STRING",
    bigint_type="INT64",
)
