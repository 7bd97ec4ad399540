"""A temporary folder for the load packages of one run; folders that killed runs left behind are removed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ecom_assets.foundation.disk_errors import RUN_FOLDER_PREFIX, temporary_folder_error

_LOCK = "held"
_YOUNG = 3600.0
"""Seconds that a new folder is left alone, because its run may not have locked it yet."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder for one run, lock it until the end of the block, then remove it.

    Only its owner can look into the folder: it holds what was read from the API.

    Raises:
        WarehouseError: The folder cannot be created, for example because the disk is full.
    """
    with ExitStack() as stack:
        try:
            _remove_abandoned_folders()
            # a folder that cannot be removed is left to a later run: what this run did is done by then
            new_folder = tempfile.TemporaryDirectory(prefix=RUN_FOLDER_PREFIX, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(new_folder))
            stack.enter_context(FileLock(folder / _LOCK))
        except OSError as error:
            raise temporary_folder_error(error) from None
        yield folder


def _remove_abandoned_folders() -> None:
    """Remove the folders of runs that have ended: those that no process has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{RUN_FOLDER_PREFIX}*"):
        # skip a folder that is locked or already gone
        with suppress(OSError, Timeout):
            if _is_own_and_old(folder):
                with FileLock(folder / _LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_own_and_old(folder: Path) -> bool:
    """Return whether a path is a folder that a run of this user may have left behind.

    Everybody may create names among the temporary files. A lock in a folder of somebody else, or behind a link, could
    empty or create a file elsewhere. So the folder must be a real one, of this user, in which nobody else can write.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        return False
    return time.time() - found.st_mtime > _YOUNG
