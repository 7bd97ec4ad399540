"""The copy of a DuckDB file for readers. A load replaces it in one step, while it still holds the lock."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ecom_assets.foundation.errors import NotPublished
from ecom_assets.foundation.private_files import copy_access, create_private, make_private_folder

_PIECE = 2**20


def publish_copy(path: Path, copy: Path) -> None:
    """Replace `copy` in one step by a copy of `path`. The first one is for its owner only; later ones keep its mode.

    Args:
        path: The DuckDB file, which nobody has open.
        copy: The file for readers. Those who have it open keep the former one.

    Raises:
        NotPublished: The copy cannot be made. The former copy is unchanged.
    """
    # always the same name, so that the next load overwrites what a killed load left
    fresh = Path(f"{copy}.new")
    try:
        if Path(f"{path}.wal").exists():
            raise OSError(
                None, "a part of the load is only in its write-ahead log, because the file is not complete"
            )
        make_private_folder(copy.parent)
        with path.open("rb") as committed, os.fdopen(create_private(fresh), "wb") as written:
            shutil.copyfileobj(committed, written, _PIECE)
            written.flush()
            os.fsync(written.fileno())
        # who may read the former copy may read the new one
        copy_access(fresh, copy)
        fresh.replace(copy)
    except (OSError, shutil.Error) as error:
        raise not_published(path, copy, getattr(error, "strerror", None) or str(error)) from None


def not_published(path: Path, copy: Path, reason: str) -> NotPublished:
    """Return the error for a load that is in the warehouse, but not in the copy."""
    return NotPublished(
        f"the load is in the warehouse {path}, but its copy {copy} (ECOM_PUBLISH) was left as it was: {reason}"
    )
