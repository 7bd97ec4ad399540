"""The lock file beside a DuckDB file, by which the processes of this project take turns.

Other programs do not know the lock file. `DuckDbWarehouse` waits for them when it opens the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import process_description, waiting_line


@contextmanager
def file_lock(path: Path, timeout: float, on_progress: OnProgress) -> Iterator[None]:
    """Hold the lock of a DuckDB file until the end of the block.

    Args:
        path: The DuckDB file.
        timeout: How many seconds to wait for the lock.
        on_progress: Receives a line if another process holds the lock.

    Raises:
        WarehouseError: Another process, which the message names, held the lock for too long, or the lock file
            cannot be written.
    """
    lock = FileLock(f"{path}.lock")
    # not in the lock file itself: on a file system without locks, filelock uses its content as the lock
    note = Path(f"{path}.holder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_progress(waiting_line(path, _holder(note)))
            lock.acquire(timeout=timeout)
    except Timeout:
        raise lock_timeout_error(path, _holder(note), timeout) from None
    except OSError as error:
        where = error.filename or path
        raise WarehouseError(f"the warehouse {path} cannot be locked: {error.strerror} ({where})") from None
    try:
        # without a note, on a full disk for example, other processes only cannot name the holder
        with suppress(OSError):
            note.write_text(process_description(), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _holder(note: Path) -> str:
    """Return the description that the holder of the lock has written."""
    for _ in range(5):
        with suppress(OSError):
            text = " ".join(note.read_text(encoding="utf-8", errors="replace").split())
            if text:
                return text
        # the holder writes its note shortly after it takes the lock
        time.sleep(0.02)
    return "another load"
