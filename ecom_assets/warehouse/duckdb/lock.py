"""The lock file beside a DuckDB file, by which the processes of this project take turns.

Other programs do not know the lock file. `DuckDbWarehouse` waits for them when it opens the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.private_files import (
    make_private_folder,
    private_files,
    read_note,
    write_private,
)
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.warehouse.errors import lock_timeout_error
from ecom_assets.warehouse.lock import process_description, waiting_line


@contextmanager
def file_lock(path: Path, timeout: float, on_progress: OnProgress) -> Iterator[None]:
    """Hold the lock of a DuckDB file until the end of the block. What is created meanwhile is as private as the file.

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
    with private_files(path), ExitStack() as stack:
        _acquire(lock, path, note, timeout, on_progress)
        stack.callback(lock.release)
        # without a note, on a full disk for example, other processes only cannot name the holder
        with suppress(OSError):
            write_private(note, process_description().encode())
        try:
            yield
        finally:
            with suppress(OSError):
                note.unlink()


def _acquire(lock: BaseFileLock, path: Path, note: Path, timeout: float, on_progress: OnProgress) -> None:
    """Take the lock, as `file_lock` says."""
    try:
        make_private_folder(path.parent)
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


def _holder(note: Path) -> str:
    """Return the description that the holder of the lock has written."""
    for _ in range(5):
        if text := " ".join(read_note(note).split()):
            return text
        # the holder writes its note shortly after it takes the lock
        time.sleep(0.02)
    return "another load"
