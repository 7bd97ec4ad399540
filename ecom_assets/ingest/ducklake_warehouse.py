"""A DuckLake as the warehouse: Parquet files in a folder, and a catalog that makes a load one transaction.

DuckDB works on it, so all but the way to open it is `duckdb_warehouse`'s, the lock file beside the catalog included.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials
from dlt.destinations.impl.ducklake.sql_client import DuckLakeSqlClient

from ecom_assets.ingest.declaration import Shop
from ecom_assets.ingest.duckdb_warehouse import DuckDbWarehouse
from ecom_assets.ingest.errors import WarehouseError
from ecom_assets.ingest.locking import Say
from ecom_assets.ingest.warehouse import DEFAULT_LOCK_TIMEOUT, one_line

_EXTENSIONS = {"duckdb": ("ducklake",), "sqlite": ("ducklake", "sqlite_scanner")}
"""What DuckDB needs for a catalog of a kind, each of which is a file."""


class DuckLakeWarehouse(DuckDbWarehouse):
    """A lake, as `.dlt/` configures it, whose catalog is a file."""

    kind = "ducklake"

    def __init__(self, credentials: DuckLakeCredentials, lock_timeout: float = DEFAULT_LOCK_TIMEOUT) -> None:
        """Take dlt's description of the lake, and the seconds to wait for others.

        Raises WarehouseError for a catalog that is no file: what would keep two loads apart there is not known here.
        """
        catalog = credentials.catalog
        if catalog.drivername not in _EXTENSIONS or not catalog.database:
            raise WarehouseError(
                f"ECOM_WAREHOUSE: found a lake with a catalog in {catalog.drivername}; allowed: one that is a "
                f"file, {' or '.join(_EXTENSIONS)}, whose lock file keeps loads apart"
            )
        # dlt writes these into SQL as they are; of what DuckDB cannot read in it, its error quotes a part
        places = (catalog.database, credentials.storage.bucket_url or "")
        if not credentials.storage.is_local_filesystem or any("'" in place for place in places):
            raise WarehouseError(
                "ECOM_WAREHOUSE: found a lake whose files are not in a folder, or whose path has an apostrophe; "
                "allowed: folders without one"
            )
        if not re.fullmatch(r"[A-Za-z_]\w*", credentials.ducklake_name):
            raise WarehouseError(
                "ECOM_WAREHOUSE: found a ducklake_name with other characters; allowed: letters, digits and _"
            )
        super().__init__(Path(catalog.database).absolute(), lock_timeout)
        self.credentials = credentials
        self.name = f"ducklake:{self.path}"

    @property
    def uri(self) -> str:
        """Return where the catalog is."""
        return self.name

    def check(self, shop: Shop) -> None:
        """Raise WarehouseError for a dataset with the name of the lake: DuckDB cannot tell the two apart."""
        if shop.name.lower() == self.credentials.ducklake_name.lower():
            raise WarehouseError(
                f"the lake {self} is called as the shop {shop.name} is, which DuckDB takes for one thing: "
                "choose another ducklake_name"
            )

    def _connect(self, say: Say, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Attach the lake to a DuckDB in memory."""
        lake = self.credentials.ducklake_name
        able = dlt.destinations.ducklake(self.credentials).capabilities()
        client: Any = DuckLakeSqlClient("", "", self.credentials, able)
        connection = duckdb.connect(":memory:")
        try:
            for extension in _EXTENSIONS[self.credentials.catalog.drivername]:
                _load(connection, extension)
            connection.execute("set TimeZone = 'UTC'")
            for statement in client.attach_statements(alias=lake):
                connection.execute(statement["sql"])
            connection.execute(f'use "{lake}"')
        except (duckdb.Error, OSError) as error:
            connection.close()
            raise WarehouseError(f"the warehouse {self} cannot be opened: {one_line(error)}") from None
        return connection


def _load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    """Load an extension of DuckDB's: from the Python package that brings it, else DuckDB's own way."""
    found = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if found is not None and found.origin is not None:
        file = Path(found.origin).parent / f"extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
        if file.exists():
            connection.load_extension(str(file))
            return
    connection.install_extension(extension)
    connection.load_extension(extension)
