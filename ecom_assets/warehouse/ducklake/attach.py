"""Opening a DuckDB in memory with a lake attached: its extensions, its secrets, and the SQL statements.

dlt has statements of its own for this. They are not used, because they contain secrets as plain text: if DuckDB cannot
parse one, its error quotes a part of it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.ducklake.configuration import Bucket, Lake

ALIAS = "ecom lake"
"""The name of the lake in DuckDB. It has a space, so no shop can have the same name."""

_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_persistent_secrets": False,
}
"""DuckDB downloads nothing, and uses no secret that another program has stored for DuckDB."""
_verified: set[tuple[str, int, int]] = set()
"""The files, with size and time, whose signatures DuckDB has verified in this process."""
_SCANNERS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


def extension_files(lake: Lake) -> list[str]:
    """Return the files of the extensions that a lake needs, which Python packages bring.

    Raises:
        WarehouseError: A package is missing, or is for another version of DuckDB.
    """
    names = ["ducklake", *([_SCANNERS[lake.catalog_kind]] if lake.catalog_kind in _SCANNERS else [])]
    return [_extension_file(name) for name in (*names, *(["httpfs"] if lake.bucket else []))]


def open_duckdb(lake: Lake, extensions: list[str], folder: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection to a DuckDB in memory that can reach a lake's files.

    DuckDB verifies the signature of each extension when a process loads it for the first time. It takes longer than
    all else that opening a lake does, so it is not repeated while the files stay what they are.

    Args:
        lake: The lake, which is not attached yet.
        extensions: The files of DuckDB's extensions.
        folder: Where DuckDB writes what does not fit into memory.
    """
    files = {_state_of(file) for file in extensions}
    config = {**_CONFIGURATION, "allow_unsigned_extensions": files <= _verified}
    connection = duckdb.connect(":memory:", config=config)
    try:
        for file in extensions:
            connection.load_extension(file)
        _verified.update(files)
        # the default is a folder in the current folder, which two programs must not share
        connection.execute(f"set temp_directory = {_literal(str(folder))}")
        connection.execute("set TimeZone = 'UTC'")
        if lake.bucket:
            connection.execute(_bucket_secret(lake.bucket, lake.files))
    except BaseException:
        connection.close()
        raise
    return connection


def attach_lake(
    connection: duckdb.DuckDBPyConnection, lake: Lake, catalog: str, *, snapshot: int | None = None
) -> None:
    """Attach a lake, and make it the current database.

    Args:
        connection: A connection from `open_duckdb`.
        lake: The lake.
        catalog: The catalog, as DuckLake names it: a path, or `postgres:` and libpq's parameters.
        snapshot: The number of a commit. The lake is then attached as of that commit, and read-only.
    """
    options = [f"data_path {_literal(lake.files)}"]
    if lake.catalog_kind == "sqlite":
        # as in dlt: several processes may have the catalog open
        options += ["meta_type 'sqlite'", "meta_journal_mode 'WAL'", "meta_busy_timeout 1000"]
    if lake.catalog_kind == "postgres":
        options += [f"metadata_schema {_literal(lake.schema)}", "meta_secret 'ecom_catalog'"]
    if lake.override_data_path:
        options.append("override_data_path true")
    if snapshot is not None:
        options += ["read_only", f"snapshot_version {snapshot}"]
    elif lake.automatic_migration:
        options.append("automatic_migration true")
    connection.execute(f'attach {_literal(f"ducklake:{catalog}")} as "{ALIAS}" ({", ".join(options)})')
    connection.execute(f'use "{ALIAS}"')


def catalog_secret(password: str | None) -> str:
    """Return the statement that gives DuckDB the password, if any, of a catalog in PostgreSQL."""
    option = f", password {_literal(password)}" if password else ""
    return f"create temporary secret ecom_catalog (type postgres{option})"


def _bucket_secret(bucket: Bucket, scope: str) -> str:
    """Return the statement that gives DuckDB all keys of a bucket, so that it looks for them nowhere else."""
    parts = {
        "scope": scope,
        "key_id": bucket.key_id,
        "secret": bucket.secret,
        "session_token": bucket.token,
        "url_style": bucket.style,
        "region": bucket.region,
        "endpoint": bucket.endpoint,
    }
    listed = ", ".join(f"{name} {_literal(value)}" for name, value in parts.items() if value is not None)
    return (
        f"create temporary secret ecom_files (type s3, provider config, {listed}, use_ssl {bucket.encrypted})"
    )


def _literal(value: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def _state_of(file: str) -> tuple[str, int, int]:
    """Return a file with its size, and the time of its last change in nanoseconds."""
    state = Path(file).stat()
    return file, state.st_size, state.st_mtime_ns


def _extension_file(extension: str) -> str:
    """Return the file of an extension. Raises WarehouseError if its package is not installed."""
    found = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if found is not None and found.origin is not None:
        file = Path(found.origin).parent / f"extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
        if file.exists():
            return str(file)
    package = f"duckdb-extension-{extension.replace('_', '-')}=={duckdb.__version__}"
    raise WarehouseError(
        f"ECOM_WAREHOUSE: this lake needs the Python package {package}: pip install 'ecom-assets[ducklake]'"
    )
