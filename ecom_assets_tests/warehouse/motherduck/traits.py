"""What the common tests know of MotherDuck."""

from __future__ import annotations

from ecom_assets_tests.support.emulators.motherduck_stand_in import copied_motherduck as copied_motherduck
from ecom_assets_tests.support.emulators.motherduck_stand_in import motherduck_folder as motherduck_folder
from ecom_assets_tests.support.emulators.motherduck_stand_in import new_motherduck as new_motherduck
from ecom_assets_tests.support.warehouses.engine_traits import EngineTraits

TRAITS = EngineTraits(lock_tables={"sandbox_ecom": ("_dlt_ecom_holder", "_dlt_ecom_lock")})
