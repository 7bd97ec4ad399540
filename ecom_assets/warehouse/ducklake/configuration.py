"""A lake in dlt's configuration: where its catalog and its files are, or why no load may write to it.

A key that this project does not use is refused, so that nobody relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dlt.common.configuration import known_sections, resolve_configuration
from dlt.common.configuration.specs import (
    AwsCredentialsWithoutDefaults,
    BaseConfiguration,
)
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from ecom_assets.foundation.errors import WarehouseError
from ecom_assets.warehouse.ducklake.specs import LakeSpec
from ecom_assets.warehouse.postgres.configuration import libpq_address

_CATALOG_KINDS: Mapping[str, str] = {
    "duckdb": "duckdb",
    "sqlite": "sqlite",
    "postgres": "postgres",
    "postgresql": "postgres",
}
_UNUSED_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("read_only", "extensions", "global_config", "pragmas", "statements", "local_config"),
    "storage.": ("read_only", "kwargs", "client_kwargs", "config_kwargs"),
    "storage.credentials.": ("profile_name",),
}
"""dlt's keys that are not used, because this project sets what they would set."""


@dataclass(frozen=True)
class Bucket:
    """How a bucket is reached.

    `endpoint` is a host with its port, or None for Amazon's own. `encrypted` means https. `style` is where a URL has
    the bucket's name: in the path (`path`) or in the host (`vhost`).
    """

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    region: str | None
    endpoint: str | None
    encrypted: bool
    style: str


@dataclass(frozen=True)
class Lake:
    """Where a lake is.

    `catalog_kind` is duckdb, sqlite or postgres. The catalog is the file `path`, or the schema `schema` of the
    PostgreSQL database at `address`. `files` is a folder or begins with s3://.
    """

    catalog_kind: str
    path: Path | None
    address: str = field(repr=False)
    schema: str
    files: str
    bucket: Bucket | None
    override_data_path: bool
    automatic_migration: bool


def lake_from_dlt(name: str) -> Lake:
    """Return the lake that dlt's configuration of a destination describes.

    Raises:
        WarehouseError: A load into this lake cannot keep its promises, or a key is not used.
        ConfigurationException: A value is missing. This error and ValueError for an unreadable value come from dlt.
    """
    found = resolve_configuration(LakeSpec(), sections=(known_sections.DESTINATION, name))
    lake = found.credentials
    catalog, storage = lake.catalog, lake.storage
    where = f"destination.{name}.credentials"
    kind = _CATALOG_KINDS.get(catalog.drivername)
    if kind is None or not catalog.database:
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found a lake with a catalog in {catalog.drivername} under {where}; allowed: sqlite or "
            "duckdb, each with the path of a file, and postgresql with an address: no lock is known that keeps two "
            "loads apart in another kind of catalog"
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
            f"ECOM_WAREHOUSE: found {', '.join(unused)} under {where}, which a load into a lake does not use; "
            "allowed: a configuration without it"
        )
    keys = storage.credentials
    return Lake(
        catalog_kind=kind,
        path=None if kind == "postgres" else Path(catalog.database).absolute(),
        address=libpq_address(catalog) if kind == "postgres" else "",
        schema=lake.metadata_schema or lake.ducklake_name,
        files=lake.storage_url,
        bucket=_bucket(keys, where) if isinstance(keys, AwsCredentialsWithoutDefaults) else None,
        override_data_path=found.override_data_path,
        automatic_migration=found.automatic_migration,
    )


def _unused(lake: DuckLakeCredentials) -> Iterator[str]:
    """Yield the keys that are set but not used."""
    specs: Mapping[str, BaseConfiguration | None] = {
        "": lake,
        "storage.": lake.storage,
        "storage.credentials.": lake.storage.credentials,
    }
    for under, names in _UNUSED_KEYS.items():
        yield from (f"{under}{name}" for name in names if getattr(specs[under], name, None))
    if lake.session_timezone != "UTC":
        yield "session_timezone"


def _bucket(keys: AwsCredentialsWithoutDefaults, where: str) -> Bucket:
    """Return how a bucket is reached. Raises WarehouseError for a value that is not allowed, at the key `where`."""
    url = urlsplit(keys.endpoint_url or "")
    if keys.endpoint_url and (url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/")):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found an endpoint_url that is no address of a server under "
            f"{where}.storage.credentials; allowed: https://HOST:PORT, or "
            "http:// for a server on a network that is trusted"
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
