"""The folder that a run keeps its packages in, and the end of those that killed runs left behind."""

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
"""Seconds that a folder is left alone, so that nobody takes one that its run has not locked yet."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for one run, hold it until the end of the block, and remove it. Raises OSError."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, FileLock(Path(name) / _LOCK):
        yield Path(name)


def _sweep() -> None:
    """Remove the folders of runs that are over, which are those that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # what is held, gone meanwhile or another user's is left alone
        with suppress(OSError, Timeout):
            if time.time() - folder.lstat().st_mtime > _YOUNG:
                with FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
