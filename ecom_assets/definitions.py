"""The bundled code location: `dagster dev -m ecom_assets.definitions`."""

import gc

from ecom_assets.foundation.garbage_collection import relaxed_garbage_collection, skip_collection_at_exit

with relaxed_garbage_collection():
    from dagster import Definitions, in_process_executor

    from ecom_assets.orchestration.build_definitions import build_defs

    # one process a run, also where no job of ours is used: another one would import everything again
    defs = Definitions.merge(build_defs(), Definitions(executor=in_process_executor))

# Dagster starts the processes that load this code location, so no other place can tune them. What is imported by now
# lives until the process ends: without the freeze, each garbage collection of a run walks through it.
gc.freeze()
skip_collection_at_exit()
