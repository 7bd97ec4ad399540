"""The lock file beside a warehouse, which orders the processes of this project, and who holds it.

Programs that know nothing of this lock are `warehouse`'s to wait for.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.progress import OnProgress

_SHOWN_WORDS = 4


@contextmanager
def file_lock(path: Path, timeout: float, on_progress: OnProgress) -> Iterator[None]:
    """Hold the lock of the warehouse at `path`, after `timeout` seconds of waiting at most.

    Raises WarehouseError that names the holder when the time is over, or says why there can be no lock.
    """
    lock = FileLock(f"{path}.lock")
    # not in the lock file itself: where the file system knows no locks, its content is what locks
    note = Path(f"{path}.holder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_progress(f"waiting for the warehouse {path}: held by {_holder(note)}")
            lock.acquire(timeout=timeout)
    except Timeout:
        raise too_long(path, _holder(note), timeout) from None
    except OSError as error:
        where = error.filename or path
        raise WarehouseError(f"the warehouse {path} cannot be locked: {error.strerror} ({where})") from None
    try:
        # who cannot write a note, on a full disk for example, is just not named to those who wait
        with suppress(OSError):
            note.write_text(this_process(), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def too_long(warehouse: object, holder: str, timeout: float) -> WarehouseError:
    """Return the error that ends the waiting."""
    return WarehouseError(
        f"the warehouse {warehouse} was held by {holder} for {timeout:g} s (ECOM_LOCK_TIMEOUT): "
        "end that process, or wait longer"
    )


def _holder(note: Path) -> str:
    """Return who the holder says it is."""
    for _ in range(5):
        with suppress(OSError):
            text = " ".join(note.read_text(encoding="utf-8", errors="replace").split())
            if text:
                return text
        # between taking the lock and writing the note
        time.sleep(0.02)
    return "another load"


def this_process() -> str:
    """Return the process's id, machine and the first words of its command.

    No more of the command than is needed to know it again: what follows may be configuration, even a secret.
    """
    words = [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]] if sys.orig_argv else []
    command = []
    for word in words[:_SHOWN_WORDS]:
        if not re.fullmatch(r"[\w./+-]{1,80}", word):
            break
        command.append(word)
    return f"PID {os.getpid()} on {socket.gethostname()} ({' '.join(command) or 'python'})"
