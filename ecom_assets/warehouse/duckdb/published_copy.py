"""The copy of the warehouse for readers, replaced in one step.

When it is made, and that nobody writes meanwhile, is `warehouse`'s.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ecom_assets.foundation.errors import NotPublished


def publish(path: Path, copy: Path) -> None:
    """Copy the closed DuckDB file `path`, then put the copy in place of `copy` at once.

    Raises NotPublished, with the former copy as it was.
    """
    # always the same name: what a killed run left is written over by the next one
    fresh = Path(f"{copy}.new")
    try:
        if Path(f"{path}.wal").exists():
            raise OSError(None, "a part of it is in its log only, because it could not be written whole")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, fresh)
        with fresh.open("rb+") as written:
            os.fsync(written.fileno())
        fresh.replace(copy)
    except (OSError, shutil.Error) as error:
        raise not_published(path, copy, getattr(error, "strerror", None) or str(error)) from None


def not_published(path: Path, copy: Path, why: str) -> NotPublished:
    """Return the error of a load that is in the warehouse, but not in the copy."""
    return NotPublished(
        f"the load is in the warehouse {path}, but its copy {copy} (ECOM_PUBLISH) was left as it was: {why}"
    )
