"""Which exceptions a lake raises, and what they mean. DuckDB does the work, so they are mostly DuckDB's."""

from __future__ import annotations

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.duckdb.errors import DRIVER_ERRORS
from ecom_assets.warehouse.errors import one_line, unknown_commit_error

__all__ = ["DRIVER_ERRORS", "commit_error", "driver_errors"]


def driver_errors(catalog_kind: str) -> tuple[type[Exception], ...]:
    """Return what the drivers of a lake raise: DuckDB's errors, and those of the catalog's database."""
    if catalog_kind != "postgres":
        return DRIVER_ERRORS
    # imported here, because a catalog in a file needs no driver for PostgreSQL
    from ecom_assets.warehouse.postgres.errors import DRIVER_ERRORS as POSTGRES_ERRORS

    return (*DRIVER_ERRORS, *POSTGRES_ERRORS)


def commit_error(warehouse: object, error: Exception) -> WarehouseError:
    """Return the error for a commit that failed while DuckDB could not reach the lake's files any more."""
    text = one_line(error)
    if "disabled by configuration" in text:
        # DuckDB wanted to remove the files of the commit: see `PostgresLakeWarehouse`
        text = "its catalog cannot be reached, or another program changed the same tables"
    return unknown_commit_error(f"the warehouse {warehouse} failed at the moment of the commit: {text}")
