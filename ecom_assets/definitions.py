"""The bundled code location: `dagster dev -m ecom_assets.definitions`."""

import gc

from ecom_assets.foundation.process_exit import skip_collection_at_exit
from ecom_assets.orchestration.build_definitions import build_defs

defs = build_defs()

# Dagster loads this code location in processes that are ours alone, and starts them itself: no other place can tune them.
# What is imported by now lives until the end: without the freeze, each garbage collection of a run walks through it.
gc.freeze()
skip_collection_at_exit()
