"""What is wrong with a disk, in one line: full, read-only, broken, or not allowed to be used.

A database's own files raise errors of its driver instead. See the `errors.py` of each engine in
`ecom_assets.warehouse`.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from ecom_assets.foundation.errors import WarehouseError

RUN_FOLDER_PREFIX = "ecom_assets_"
"""How the name of a run's folder among the temporary files begins."""

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES}


def disk_problem(error: BaseException) -> str | None:
    """Return what is wrong with which file or folder, None when the disk is not the cause.

    The operating system names a file that cannot be opened. A write that fails names none. Then it is the temporary
    folder, because a run writes its files nowhere else.
    """
    if not isinstance(error, OSError) or error.errno not in _DISK_ERRORS:
        return None
    reason = error.strerror or errno.errorcode[error.errno]
    if not isinstance(error.filename, (str, bytes)):
        return _temporary_folder_problem(reason)
    path = os.fsdecode(error.filename)
    if any(part.startswith(RUN_FOLDER_PREFIX) for part in _parts_below_temporary_folder(path)[:1]):
        return _temporary_folder_problem(reason)
    return f"{path} cannot be read or written: {reason}"


def temporary_folder_error(error: OSError) -> WarehouseError:
    """Return the error for a run's folder that cannot be created, whatever the operating system's reason is."""
    return WarehouseError(_temporary_folder_problem(error.strerror or str(error)))


def _temporary_folder_problem(reason: str) -> str:
    folder = _temporary_folder()
    place = "no temporary folder can" if folder is None else f"the temporary folder {folder} cannot"
    return f"{place} be written: {reason} (TMPDIR names another one)"


def _parts_below_temporary_folder(path: str) -> tuple[str, ...]:
    """Return the parts of a path below the temporary folder, none if the path is elsewhere."""
    folder = _temporary_folder()
    if folder is None or not Path(path).is_relative_to(folder):
        return ()
    return Path(path).relative_to(folder).parts


def _temporary_folder() -> Path | None:
    """Return the folder for temporary files, None if Python finds none that it can write into."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
