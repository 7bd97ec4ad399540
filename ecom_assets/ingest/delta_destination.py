"""dlt's filesystem destination as `.dlt/` configures it: where the Delta tables are, and what their store is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.aws_credentials import AwsCredentials
from dlt.common.configuration.specs.exceptions import ObjectStoreRsCredentialsException
from dlt.common.libs.deltalake import deltalake_storage_options
from dlt.common.storages.configuration import FilesystemConfiguration

from ecom_assets.ingest.errors import WarehouseError


@dataclass(frozen=True)
class DeltaPlace:
    """An address, `s3://…` or `file://…`, and the options of its store, secrets among them."""

    url: str
    options: Mapping[str, str]


@configspec
class _Place(BaseConfiguration):
    """What is read first: which credentials there are to be is the address's to say."""

    bucket_url: str = None  # type: ignore[assignment]  # as dlt writes what has to be configured
    deltalake_storage_options: Optional[dict[str, Any]] = None  # noqa: UP045  # dlt reads it at run time


def delta_place(sections: tuple[str, ...]) -> DeltaPlace:
    """Return what dlt's configuration says of a filesystem destination, without asking the store.

    Raises what dlt raises where something is missing; WarehouseError for another kind of place.
    """
    place = resolve_configuration(_Place(), sections=sections)
    protocol = FilesystemConfiguration.parse_protocol(place.bucket_url)
    if protocol not in ("s3", "file"):
        raise WarehouseError(
            f"ECOM_WAREHOUSE: found Delta tables in a place of the kind {protocol}; allowed: s3://BUCKET/FOLDER or a "
            "folder, for no other's way to keep two loads apart was tried"
        )
    if protocol == "file":
        found = FilesystemConfiguration(place.bucket_url)
        found.verify_bucket_url()
        return DeltaPlace(found.bucket_url, {})
    credentials = resolve_configuration(AwsCredentials(), sections=(*sections, "credentials"))
    try:
        options = deltalake_storage_options(credentials, place.deltalake_storage_options)
    except ObjectStoreRsCredentialsException:
        where = ".".join((*sections, "credentials", "region_name"))
        raise WarehouseError(
            f"ECOM_WAREHOUSE: a bucket without an endpoint_url of its own needs {where}"
        ) from None
    return DeltaPlace(place.bucket_url, {name: str(value) for name, value in options.items()})
