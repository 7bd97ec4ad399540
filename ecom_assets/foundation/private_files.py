"""Files and folders that only their owner can read, and that are never written through a link.

What a load writes holds what was read from an API: it is private until an operator says otherwise.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_LONGEST_NOTE = 4096

_lock = threading.Lock()
_masks: list[int] = []
"""The umasks that blocks ask for at this moment. The umask belongs to the whole process."""
_umask_outside = 0


@contextmanager
def private_files(like: Path) -> Iterator[None]:
    """Let this process create files and folders only for their owner, until the end of the block.

    If the file `like` exists, those who may read or write it may do the same with new files: an operator who opens a
    warehouse to a group opens what belongs to it, too. The umask of the process is never widened.
    """
    allowed = 0
    with suppress(OSError):
        allowed = like.stat().st_mode & 0o077
    allowed |= (allowed & 0o044) >> 2  # a folder that may be read may be entered
    mask = 0o077 & ~allowed
    _enter(mask)
    try:
        yield
    finally:
        _leave(mask)


def _enter(mask: int) -> None:
    global _umask_outside
    with _lock:
        if not _masks:
            _umask_outside = os.umask(0o077)
        _masks.append(mask)
        _apply()


def _leave(mask: int) -> None:
    with _lock:
        _masks.remove(mask)
        _apply()


def _apply() -> None:
    """Set the umask that all blocks of this moment ask for."""
    mask = _umask_outside
    for entry in _masks:
        mask |= entry
    os.umask(mask)


def make_private_folder(folder: Path) -> None:
    """Create a folder and those above it, for their owner only; one that exists stays as it is."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(file: Path, content: bytes) -> None:
    """Write a new file in place of whatever has its name; only its owner can read it, and no link is followed."""
    with os.fdopen(create_private(file), "wb") as written:
        written.write(content)


def create_private(file: Path) -> int:
    """Return the descriptor of a new, empty file in place of whatever has its name."""
    file.unlink(missing_ok=True)  # of a link, this removes the link alone
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)


def read_note(file: Path) -> str:
    """Return the text of a short file, empty if it is a link, a pipe or absent."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY | _NO_LINK)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.read(descriptor, _LONGEST_NOTE).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    return ""


def copy_access(file: Path, from_file: Path) -> None:
    """Give a file the mode and the group of another one, as far as this process may; without it, it stays private."""
    with suppress(OSError):
        found = from_file.stat()
        if hasattr(os, "chown"):
            with suppress(OSError):
                os.chown(file, -1, found.st_gid)
        if file.stat().st_gid == found.st_gid:
            file.chmod(stat.S_IMODE(found.st_mode) & 0o777)
