"""What `.dlt/` says of a lake: where its catalog and its files are, in dlt's own words, or why no load may go there.

Whatever is not used here is refused rather than passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    FieldLookupTraces,
    LookupTraces,
)
from dlt.common.configuration.specs import (
    AwsCredentialsWithoutDefaults,
    BaseConfiguration,
    ConnectionStringCredentials,
)
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.ducklake.specs import LakeSpec

_KINDS: Mapping[str, str] = {
    "duckdb": "duckdb",
    "sqlite": "sqlite",
    "postgres": "postgres",
    "postgresql": "postgres",
}
_UNUSED: Mapping[str, tuple[str, ...]] = {
    "": ("read_only", "extensions", "global_config", "pragmas", "statements", "local_config"),
    "storage.": ("read_only", "kwargs", "client_kwargs", "config_kwargs"),
    "storage.credentials.": ("profile_name",),
}
"""dlt's keys for which there is no use: a load needs exactly what this project sets itself."""


@dataclass(frozen=True)
class Bucket:
    """How a bucket of files is reached. `endpoint` is a host, with its port, None for the cloud's own."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    region: str | None
    endpoint: str | None
    encrypted: bool
    style: str


@dataclass(frozen=True)
class Lake:
    """A lake: its catalog at a path, or at an address of PostgreSQL; `files` is a folder or begins with s3://."""

    kind: str
    path: Path | None
    address: str = field(repr=False)
    schema: str
    files: str
    bucket: Bucket | None
    override_data_path: bool
    automatic_migration: bool


def described_lake(name: str) -> Lake:
    """Return the lake that dlt's configuration of a destination describes.

    Raises WarehouseError for one that cannot keep what is promised of a load, and dlt's errors for what is missing
    or cannot be read.
    """
    found = resolve_configuration(LakeSpec(), sections=(known_sections.DESTINATION, name))
    lake = found.credentials
    catalog, storage = lake.catalog, lake.storage
    where = f"destination.{name}.credentials"
    kind = _KINDS.get(catalog.drivername)
    if kind is None or not catalog.database:
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found a lake with a catalog in {catalog.drivername} under {where}; allowed: sqlite or "
            "duckdb, each with the path of a file, and postgresql with an address: no lock is known that would keep "
            "two loads into another one apart"
        )
    if storage.protocol not in ("file", "s3"):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found a lake with files in {storage.protocol}:// under {where}.storage; allowed: a "
            "folder, or a bucket s3://, of any server that speaks S3's protocol at the endpoint_url of its "
            "credentials: DuckDB's extensions for others do not come with ecom-assets[ducklake]"
        )
    unused = list(_unused(lake))
    if lake.metadata_schema and kind != "postgres":
        unused.append("metadata_schema")
    if unused:
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found {', '.join(unused)} under {where}, which a load into a lake has no use for; "
            "allowed: to leave it out"
        )
    keys = storage.credentials
    return Lake(
        kind=kind,
        path=None if kind == "postgres" else Path(catalog.database).absolute(),
        address=libpq_address(catalog) if kind == "postgres" else "",
        schema=lake.metadata_schema or lake.ducklake_name,
        files=lake.storage_url,
        bucket=_bucket(keys, where) if isinstance(keys, AwsCredentialsWithoutDefaults) else None,
        override_data_path=found.override_data_path,
        automatic_migration=found.automatic_migration,
    )


def libpq_address(credentials: ConnectionStringCredentials) -> str:
    """Return the address of a PostgreSQL database as its own library reads it, to which a plus is no space."""
    address, separator, query = credentials.to_native_representation().partition("?")
    return address + separator + query.replace("+", "%20")


def lacking(error: Exception) -> str:
    """Return the fields that dlt misses, by their names under the destination's credentials."""
    if not isinstance(error, ConfigFieldMissingException):
        return "what can be read"
    return ", ".join(name.removeprefix("credentials.") for name in _fields(error.traces, ""))


def _fields(traces: FieldLookupTraces, under: str) -> Iterator[str]:
    for name, found in traces.items():
        nested = next((entry for entry in found if isinstance(entry, LookupTraces)), None)
        if nested is None:
            yield f"{under}{name}"
        else:
            yield from _fields(nested.traces, f"{under}{name}.")


def _unused(lake: DuckLakeCredentials) -> Iterator[str]:
    """Yield the keys that are set and have no use."""
    specs: Mapping[str, BaseConfiguration | None] = {
        "": lake,
        "storage.": lake.storage,
        "storage.credentials.": lake.storage.credentials,
    }
    for under, names in _UNUSED.items():
        yield from (f"{under}{name}" for name in names if getattr(specs[under], name, None))
    if lake.session_timezone != "UTC":
        yield "session_timezone"


def _bucket(keys: AwsCredentialsWithoutDefaults, where: str) -> Bucket:
    """Return how a bucket is reached."""
    url = urlsplit(keys.endpoint_url or "")
    if keys.endpoint_url and (url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/")):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found an endpoint_url that is none under {where}.storage.credentials; allowed: "
            "https://HOST:PORT, or http:// for a server on a network that is trusted"
        )
    style = keys.s3_url_style or ("path" if keys.endpoint_url else "vhost")
    if style not in ("path", "vhost"):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found the s3_url_style {style!r} under {where}.storage.credentials; "
            "allowed: path or vhost"
        )
    return Bucket(
        key_id=keys.aws_access_key_id,
        secret=keys.aws_secret_access_key,
        token=keys.aws_session_token or "",
        region=keys.region_name,
        endpoint=url.netloc or None,
        encrypted=url.scheme != "http",
        style=style,
    )
