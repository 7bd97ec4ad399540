# no `from __future__ import annotations`: dlt reads the fields' types as they stand here
"""dlt's configuration of a lake, with one difference: the keys of a bucket must be in dlt's configuration.

dlt itself would also look for them elsewhere, in the end at the network address from which a cloud's machines get keys.
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
        """Return the class of a bucket's keys. dlt wants this method to be repeated in each subclass."""
        return super().resolve_credentials_type()


@configspec(init=False)
class _Credentials(DuckLakeCredentials):
    storage: _Storage = None  # type: ignore[assignment]  # as in dlt, which fills it in


@configspec
class LakeSpec(BaseConfiguration):
    """A destination of the kind ducklake."""

    credentials: _Credentials = None  # type: ignore[assignment]
    override_data_path: bool = False
    automatic_migration: bool = False
