"""Python's search for garbage in cycles, less often while a run reads.

Pages are many thousands of new objects with no cycle among them. With Python's own thresholds the search goes
through them again and again: a twelfth of a run's work.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 100)
"""New objects before a search among them, searches before one that goes deeper, and before one of everything."""

_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []
_running = 0


@contextmanager
def relaxed_garbage_collection() -> Iterator[None]:
    """Search seldom while one or more such blocks are open, then as often as before the first of them.

    A search that is switched off stays so, and thresholds that are higher are left as they are.
    """
    global _running
    with _lock:
        _running += 1
        if _running == 1:
            _before.append(gc.get_threshold())
            if 0 < _before[0][0] < THRESHOLDS[0]:
                gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                gc.set_threshold(*_before.pop())
