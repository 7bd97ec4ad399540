"""Which warehouse the environment names: ECOM_WAREHOUSE, ECOM_LOCK_TIMEOUT, ECOM_PUBLISH."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.duckdb.warehouse import BESIDE, DuckDbWarehouse
from ecom_assets.warehouse.ducklake.configuration import Lake
from ecom_assets.warehouse.named_destination import address_of
from ecom_assets.warehouse.warehouse import DEFAULT_LOCK_TIMEOUT, Warehouse

DEFAULT_PATH = "data/warehouse.duckdb"


def warehouse_from_environment(environ: Mapping[str, str] = os.environ) -> Warehouse:
    """Return the warehouse that ECOM_WAREHOUSE names: a file, an address, or a destination configured in `.dlt/`.

    ECOM_LOCK_TIMEOUT are the seconds to wait for it, ECOM_PUBLISH is the path of a DuckDB file's copy for readers.
    Raises WarehouseError for a value that cannot be used.
    """
    text = environ.get("ECOM_LOCK_TIMEOUT") or str(DEFAULT_LOCK_TIMEOUT)
    try:
        patience = float(text)
    except ValueError:
        patience = -1.0
    if not 0 <= patience < float("inf"):
        raise WarehouseError(f"ECOM_LOCK_TIMEOUT: found {text!r}; allowed: a number of seconds, 0 or more")
    where = environ.get("ECOM_WAREHOUSE") or DEFAULT_PATH
    found = address_of(where)
    if isinstance(found, Lake):
        if environ.get("ECOM_PUBLISH"):
            raise WarehouseError(
                "ECOM_PUBLISH: a copy is made of a DuckDB file only; a lake's files can be read by anybody"
            )
        return _lake(found, patience)
    where = found or where
    if re.match(r"postgres(ql)?://", where):
        if environ.get("ECOM_PUBLISH"):
            raise WarehouseError(
                "ECOM_PUBLISH: a copy is made of a DuckDB file only; PostgreSQL needs none, for there readers see the "
                "last load that was committed, and keep no load waiting"
            )
        return _postgres(where, patience)
    path = _file("ECOM_WAREHOUSE", where)
    copy = _file("ECOM_PUBLISH", environ["ECOM_PUBLISH"]) if environ.get("ECOM_PUBLISH") else None
    if copy and copy.resolve() in {Path(f"{path.resolve()}{end}") for end in ("", *BESIDE)}:
        raise WarehouseError(
            f"ECOM_PUBLISH: found {str(copy)!r}; allowed: a file that is not the warehouse {path}, or part of it"
        )
    return DuckDbWarehouse(path, patience, copy)


def warehouse_kind(environ: Mapping[str, str] = os.environ) -> str:
    """Return the engine of the warehouse that ECOM_WAREHOUSE names, DuckDB's for a value that cannot be used."""
    try:
        return warehouse_from_environment(environ).kind
    except WarehouseError:
        return DuckDbWarehouse.kind


def _lake(lake: Lake, patience: float) -> Warehouse:
    """Return the warehouse of a lake. Raises WarehouseError where something that it takes is not installed."""
    # imported here, because few have a lake
    from ecom_assets.warehouse.ducklake.warehouse import DuckLakeWarehouse

    if lake.kind != "postgres":
        return DuckLakeWarehouse(lake, patience)
    with _driver():
        from ecom_assets.warehouse.ducklake.postgres_catalog import PostgresLakeWarehouse
    return PostgresLakeWarehouse(lake, patience)


def _postgres(address: str, patience: float) -> Warehouse:
    """Return the warehouse of a PostgreSQL address. Raises WarehouseError where its driver is not installed."""
    with _driver():
        # imported here, because a DuckDB file needs no driver
        from ecom_assets.warehouse.postgres.warehouse import PostgresWarehouse
    return PostgresWarehouse(address, patience)


@contextmanager
def _driver() -> Iterator[None]:
    """Name the extra that brings PostgreSQL's driver where that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise WarehouseError(
            f"ECOM_WAREHOUSE: PostgreSQL needs the Python package {error.name}: "
            "pip install 'ecom-assets[postgres]'"
        ) from None


_ALLOWED = {
    "ECOM_WAREHOUSE": "the path of a DuckDB file or an address postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    "ECOM_PUBLISH": "the path of a DuckDB file",
}


def _file(variable: str, text: str) -> Path:
    """Return the absolute path that a variable names. Raises WarehouseError for what is no file's."""
    # of an address only its beginning is shown, for a password may follow
    other = re.match(r"(:memory:)|([A-Za-z][\w+.-]+):", text)
    if other:
        raise WarehouseError(f"{variable}: found {other[1] or other[2]!r}; allowed: {_ALLOWED[variable]}")
    if Path(text).is_dir():
        raise WarehouseError(f"{variable}: found the folder {text!r}; allowed: {_ALLOWED[variable]}")
    return Path(text).absolute()
