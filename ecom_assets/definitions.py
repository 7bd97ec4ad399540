"""The bundled code location: `dagster dev -m ecom_assets.definitions`."""

import gc

from ecom_assets.orchestration.build_definitions import build_defs

defs = build_defs()

# What is imported by now stays: without this, the collector looks through it again and again in a run.
gc.freeze()
