# no `from __future__ import annotations`: dlt reads the fields' types as they stand here
"""dlt's description of a lake, but for the keys of a bucket, which have to be in dlt's configuration.

dlt would look for them elsewhere too, in the end at the address in the network where a cloud's machines get theirs.
"""

from typing import Any, ClassVar

from dlt.common.configuration import configspec, resolve_type
from dlt.common.configuration.specs import AwsCredentialsWithoutDefaults, BaseConfiguration
from dlt.common.configuration.specs.base_configuration import CredentialsConfiguration
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials


@configspec
class _Storage(FilesystemConfiguration):
    PROTOCOL_CREDENTIALS: ClassVar[dict[str, Any]] = {"s3": AwsCredentialsWithoutDefaults}

    @resolve_type("credentials")
    def resolve_credentials_type(self) -> type[CredentialsConfiguration]:
        """Return what the keys of a bucket of this kind are in; asked for again by dlt for each subclass."""
        return super().resolve_credentials_type()


@configspec(init=False)
class _Credentials(DuckLakeCredentials):
    storage: _Storage = None  # type: ignore[assignment]  # as dlt has it: to be resolved


@configspec
class LakeSpec(BaseConfiguration):
    """A destination of the kind ducklake."""

    credentials: _Credentials = None  # type: ignore[assignment]
    override_data_path: bool = False
    automatic_migration: bool = False
