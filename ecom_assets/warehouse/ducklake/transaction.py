"""The Transaction of a lake."""

from __future__ import annotations

from ecom_assets.warehouse.duckdb.transaction import DuckDbTransaction


class DuckLakeTransaction(DuckDbTransaction):
    """A transaction on a DuckDB connection that uses a lake. DuckDB gives a lake the SQL that a file has."""
