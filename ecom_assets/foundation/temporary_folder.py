"""A temporary folder for the load packages of one run; folders that killed runs left behind are removed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "ecom_assets_"
_LOCK = "held"
_YOUNG = 3600.0
"""Seconds that a new folder is left alone, because its run may not have locked it yet."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder for one run, lock it until the end of the block, then remove it. Raises OSError."""
    _remove_abandoned_folders()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, FileLock(Path(name) / _LOCK):
        yield Path(name)


def _remove_abandoned_folders() -> None:
    """Remove the folders of runs that have ended: those that no process has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # skip a folder that is locked, already gone, or another user's
        with suppress(OSError, Timeout):
            if time.time() - folder.lstat().st_mtime > _YOUNG:
                with FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
