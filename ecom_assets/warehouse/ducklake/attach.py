"""Attaching a lake to a DuckDB in memory: the extensions it takes, what DuckDB may know, and the statements.

dlt has statements of its own, in which it writes secrets as they are: of what DuckDB cannot read of them, its error
quotes a part.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.ducklake.configuration import Bucket, Lake

ALIAS = "ecom lake"
"""What DuckDB calls the lake: no shop can be called so."""

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,
}
"""Nothing is fetched, and no secret is used that another program has left for DuckDB."""
_SCANNERS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


def extensions_for(lake: Lake) -> list[str]:
    """Return the files of the extensions that a lake takes, each from the Python package that brings it.

    Raises WarehouseError for a package that is missing, or is of another version of DuckDB.
    """
    names = ["ducklake", *([_SCANNERS[lake.kind]] if lake.kind in _SCANNERS else [])]
    return [_file(name) for name in (*names, *(["httpfs"] if lake.bucket else []))]


def opened(lake: Lake, extensions: list[str], folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that can reach a lake; what does not fit into the memory goes into `folder`."""
    connection = duckdb.connect(":memory:", config=_CONFIGURATION)
    try:
        for file in extensions:
            connection.load_extension(file)
        # two programs in one current folder would take each other's, which is where DuckDB puts it
        connection.execute(f"set temp_directory = {_text(str(folder))}")
        connection.execute("set TimeZone = 'UTC'")
        if lake.bucket:
            connection.execute(_bucket_secret(lake.bucket, lake.files))
    except BaseException:
        connection.close()
        raise
    return connection


def attach(
    connection: duckdb.DuckDBPyConnection, lake: Lake, catalog: str, *, snapshot: int | None = None
) -> None:
    """Attach a lake, and use it; with `snapshot` as it was then, for reading only."""
    options = [f"data_path {_text(lake.files)}"]
    if lake.kind == "sqlite":
        # as dlt has it: several processes may have it open
        options += ["meta_type 'sqlite'", "meta_journal_mode 'WAL'", "meta_busy_timeout 1000"]
    if lake.kind == "postgres":
        options += [f"metadata_schema {_text(lake.schema)}", "meta_secret 'ecom_catalog'"]
    if lake.override_data_path:
        options.append("override_data_path true")
    if snapshot is not None:
        options += ["read_only", f"snapshot_version {snapshot}"]
    elif lake.automatic_migration:
        options.append("automatic_migration true")
    connection.execute(f'attach {_text(f"ducklake:{catalog}")} as "{ALIAS}" ({", ".join(options)})')
    connection.execute(f'use "{ALIAS}"')


def catalog_secret(password: str | None) -> str:
    """Return the statement that tells DuckDB the password, if any, of a catalog in PostgreSQL."""
    told = f", password {_text(password)}" if password else ""
    return f"create temporary secret ecom_catalog (type postgres{told})"


def _bucket_secret(bucket: Bucket, scope: str) -> str:
    """Return the statement that tells DuckDB the keys of a bucket, all of them, so that it looks nowhere else."""
    parts = {
        "scope": scope,
        "key_id": bucket.key_id,
        "secret": bucket.secret,
        "session_token": bucket.token,
        "url_style": bucket.style,
        "region": bucket.region,
        "endpoint": bucket.endpoint,
    }
    listed = ", ".join(f"{name} {_text(value)}" for name, value in parts.items() if value is not None)
    return (
        f"create temporary secret ecom_files (type s3, provider config, {listed}, use_ssl {bucket.encrypted})"
    )


def _text(value: str) -> str:
    """Return a text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


def _file(extension: str) -> str:
    found = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if found is not None and found.origin is not None:
        file = Path(found.origin).parent / f"extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
        if file.exists():
            return str(file)
    package = f"duckdb-extension-{extension.replace('_', '-')}=={duckdb.__version__}"
    raise WarehouseError(
        f"ECOM_WAREHOUSE: this lake needs the Python package {package}: pip install 'ecom-assets[ducklake]'"
    )
