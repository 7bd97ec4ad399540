"""Which warehouse a run uses: the environment variables ECOM_WAREHOUSE, ECOM_LOCK_TIMEOUT and ECOM_PUBLISH."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ecom_assets import warehouse as package
from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.duckdb.engine import ENGINE as DEFAULT_ENGINE
from ecom_assets.warehouse.engine import Engine, WarehouseOptions
from ecom_assets.warehouse.lock import DEFAULT_LOCK_TIMEOUT
from ecom_assets.warehouse.named_destination import named_destination, refuse_address
from ecom_assets.warehouse.warehouse import Warehouse

DEFAULT_PATH = "data/warehouse.duckdb"


def _engines() -> Iterator[Engine[Any]]:
    """Yield the `ENGINE` of each sub-package that has a module `engine`, by the names of the sub-packages."""
    for _, name, is_package in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if is_package and find_spec(f"{name}.engine"):
            yield import_module(f"{name}.engine").ENGINE


ENGINES: Sequence[Engine[Any]] = tuple(_engines())
"""All engines. Their order does not matter, because no two of them recognise the same address."""


def warehouse_from_environment(environ: Mapping[str, str] = os.environ) -> Warehouse:
    """Return the warehouse that the environment names, without opening it.

    ECOM_WAREHOUSE is the path of a DuckDB file, an address, or the name of a destination that dlt's configuration in
    `.dlt/` has. ECOM_LOCK_TIMEOUT is how many seconds a load waits for another one. ECOM_PUBLISH is the path of the
    copy of a DuckDB file for readers.

    Raises:
        WarehouseError: A value is not allowed.
    """
    options = WarehouseOptions(_lock_timeout(environ), environ.get("ECOM_PUBLISH") or None)
    value = environ.get("ECOM_WAREHOUSE") or DEFAULT_PATH
    engine, address = named_destination(value, ENGINES) or _engine_of_address(value)
    return engine.warehouse(address, options)


def named_warehouse(value: str, setting: str, environ: Mapping[str, str] = os.environ) -> Warehouse:
    """Return the warehouse that a value as of ECOM_WAREHOUSE names, without a copy for readers.

    Args:
        value: The value.
        setting: Where the value comes from, for messages, such as `--to`.
        environ: The environment with ECOM_LOCK_TIMEOUT.

    Raises:
        WarehouseError: The value is not allowed.
    """
    if not value.strip():
        raise WarehouseError(f"{setting}: found an empty text; allowed: what ECOM_WAREHOUSE may be")
    known = {**environ, "ECOM_WAREHOUSE": value, "ECOM_PUBLISH": ""}
    try:
        return warehouse_from_environment(known)
    except WarehouseError as error:
        text = str(error).replace("ECOM_WAREHOUSE=", f"{setting} ").replace("ECOM_WAREHOUSE", setting)
        raise WarehouseError(text) from None


def warehouse_kind(environ: Mapping[str, str] = os.environ) -> str:
    """Return the engine of the warehouse that ECOM_WAREHOUSE names, or DuckDB for a value that is not allowed."""
    try:
        return warehouse_from_environment(environ).kind
    except WarehouseError:
        return DEFAULT_ENGINE.kind


def _lock_timeout(environ: Mapping[str, str]) -> float:
    """Return ECOM_LOCK_TIMEOUT in seconds."""
    text = environ.get("ECOM_LOCK_TIMEOUT") or str(DEFAULT_LOCK_TIMEOUT)
    try:
        timeout = float(text)
    except ValueError:
        timeout = -1.0
    if not 0 <= timeout < float("inf"):
        raise WarehouseError(f"ECOM_LOCK_TIMEOUT: found {text!r}; allowed: a number of seconds, 0 or more")
    return timeout


def _engine_of_address(value: str) -> tuple[Engine[Any], Any]:
    """Return the engine of a path or an address, and the address. What nobody recognises is the path of a file."""
    for engine in ENGINES:
        address = engine.address_from_value(value)
        if address is not None:
            return engine, address
    refuse_address(value, ENGINES)
    return DEFAULT_ENGINE, value
