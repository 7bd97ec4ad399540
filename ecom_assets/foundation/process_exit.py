"""A fast end of a process: Python does not take apart the objects that it imported."""

from __future__ import annotations

import atexit
import gc


def skip_collection_at_exit() -> None:
    """Leave all objects out of the last garbage collection of this process.

    Otherwise Python takes apart object by object what was imported, dlt and Dagster above all. That takes a third of a
    second. Only the main module of a process of our own may ask for it: a library leaves its host's exit alone.
    """
    atexit.register(gc.freeze)
