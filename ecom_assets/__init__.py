"""E-commerce APIs as trusted warehouse tables: Dagster assets over dlt's REST API source."""

import atexit
import gc

# else all that was imported is taken apart object by object when the process ends, which takes a third of a second
atexit.register(gc.freeze)
