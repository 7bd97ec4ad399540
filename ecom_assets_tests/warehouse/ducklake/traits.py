"""What the common tests know of a lake. A place is a lake with its catalog in PostgreSQL; none is copied."""

from __future__ import annotations

from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits
from ecom_assets_tests.support.warehouses.lakes import new_ducklake as new_ducklake
from ecom_assets_tests.support.warehouses.lakes import new_lake as new_lake

TRAITS = EngineTraits(share_of_examples=0.025, sets_not_null_in_loads=False)
