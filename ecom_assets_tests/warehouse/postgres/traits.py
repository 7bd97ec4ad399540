"""What the common tests know of PostgreSQL."""

from __future__ import annotations

from ecom_assets_tests.support.emulators.postgres_server import copied_postgres as copied_postgres
from ecom_assets_tests.support.emulators.postgres_server import new_database as new_database
from ecom_assets_tests.support.emulators.postgres_server import new_postgres as new_postgres
from ecom_assets_tests.support.emulators.postgres_server import postgres_server as postgres_server
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits

TRAITS = EngineTraits(
    is_slow=False,
    is_on_postgres=True,
    share_of_examples=0.5,
    keeps_columns_of_views=True,
    has_system_columns=True,
    text_type="character varying",
    bigint_type="bigint",
)
