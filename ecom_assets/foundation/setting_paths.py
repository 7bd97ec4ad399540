"""Paths in settings: a leading `~` is the home folder, as in a shell, and a blank text is no path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ecom_assets.foundation.errors import IngestError


def setting_path(text: str) -> Path:
    """Return the path that a setting has, with the home folder in place of a leading `~` or `~USER`.

    A shell replaces `~` only where it is not quoted, and a service or a `.env` file never does.

    Raises:
        ValueError: The text is blank, or the user has no home folder. The message is what was found.
    """
    if not text.strip():
        raise ValueError(repr(text))
    if not text.startswith("~"):  # pathlib would take `./~` for `~`
        return Path(text)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{text!r}, the home folder of an unknown user") from None


def instance_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of Dagster's instance: DAGSTER_HOME, else `.dagster` in the current folder.

    Raises:
        IngestError: DAGSTER_HOME is no path.
    """
    try:
        return setting_path(environ.get("DAGSTER_HOME") or ".dagster").absolute()
    except ValueError as error:
        raise IngestError(f"DAGSTER_HOME: found {error}; allowed: the path of a folder") from None
