"""Which paths ECOM_WAREHOUSE, ECOM_PUBLISH and dlt's configuration may name, and why a path is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.foundation.setting_paths import setting_path

_SIDE_FILES = (".lock", ".holder", ".new", ".wal", ".tmp")
"""The ends of the names of the files that this package and DuckDB write beside the warehouse."""
_ALLOWED: Mapping[str, str] = {
    "ECOM_WAREHOUSE": "the path of a DuckDB file or an address postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    "ECOM_PUBLISH": "the path of a DuckDB file",
}


def path_from_dlt(name: str) -> str:
    """Return the path that dlt's configuration has for a destination. Raises dlt's errors if it has none."""
    found = resolve_configuration(
        DuckDbCredentials(), sections=(known_sections.DESTINATION, name, "credentials")
    )
    return str(found.database) or name


def file_path(variable: str, text: str) -> Path:
    """Return a path as an absolute one.

    Args:
        variable: The environment variable that has the path, for the message.
        text: The path.

    Raises:
        WarehouseError: The text is an address, `:memory:`, a folder, or blank, or it begins with the home folder of
            an unknown user.
    """
    other = re.match(r"(:memory:)|([A-Za-z][\w+.-]+):", text)
    if other:
        # the message shows only the beginning of an address, because a password may follow
        raise WarehouseError(f"{variable}: found {other[1] or other[2]!r}; allowed: {_ALLOWED[variable]}")
    try:
        path = setting_path(text)
    except ValueError as error:
        raise WarehouseError(f"{variable}: found {error}; allowed: {_ALLOWED[variable]}") from None
    if path.is_dir():
        raise WarehouseError(f"{variable}: found the folder {text!r}; allowed: {_ALLOWED[variable]}")
    return path.absolute()


def copy_path(text: str, warehouse: Path) -> Path:
    """Return the path of the copy for readers.

    Raises:
        WarehouseError: The path is not allowed, or is the warehouse or a file beside it.
    """
    copy = file_path("ECOM_PUBLISH", text)
    if copy.resolve() in {Path(f"{warehouse.resolve()}{end}") for end in ("", *_SIDE_FILES)}:
        raise WarehouseError(
            f"ECOM_PUBLISH: found {str(copy)!r}; allowed: a file that is not the warehouse {warehouse}, or part of it"
        )
    return copy
