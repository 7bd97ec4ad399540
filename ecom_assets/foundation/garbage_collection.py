"""Python's garbage collector: less often while pages are read or packages imported, and not at the exit.

Both make many thousands of new objects that stay, with few cycles among them. With Python's own thresholds, the
collector goes through them again and again: a twelfth of a run's work, and as much of an import of Dagster and dlt.
"""

from __future__ import annotations

import atexit
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 100)
"""New objects before a collection among them, collections before a deeper one, and those before a full one."""

_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []
_open_blocks = 0


@contextmanager
def relaxed_garbage_collection() -> Iterator[None]:
    """Raise the collector's thresholds while one or more of these blocks are open, then restore them.

    A collector that is switched off stays off, and thresholds that are higher stay as they are.
    """
    global _open_blocks
    with _lock:
        _open_blocks += 1
        if _open_blocks == 1:
            _before.append(gc.get_threshold())
            if 0 < _before[0][0] < THRESHOLDS[0]:
                gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        with _lock:
            _open_blocks -= 1
            if _open_blocks == 0:
                gc.set_threshold(*_before.pop())


def skip_collection_at_exit() -> None:
    """Leave all objects out of the last garbage collection of this process.

    Otherwise Python takes apart object by object what was imported, dlt and Dagster above all. That takes a third of a
    second. Only the main module of a process of our own may ask for it: a library leaves its host's exit alone.
    """
    atexit.register(gc.freeze)
