"""dlt's destination of a pipeline that makes packages and loads none: this project loads them itself.

A pipeline needs one, because dlt asks it how long names may be, and of which format files are.
"""

from __future__ import annotations

from typing import Any

from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.client import DestinationClientConfiguration
from dlt.common.normalizers.naming import NamingConvention


class PackageDestination(Destination[Any, Any]):
    """Answers dlt without a look into the configuration, where a project may have settings for other pipelines."""

    spec = DestinationClientConfiguration

    def __init__(self, max_identifier_length: int) -> None:
        """Take the length at which dlt cuts the names of undeclared columns off."""
        super().__init__(destination_name="packages")
        self._max_identifier_length = max_identifier_length

    @property
    def client_class(self) -> type[Any]:
        """Raise TypeError: nothing is loaded by dlt."""
        raise TypeError("packages are not loaded by dlt")

    def capabilities(
        self, config: Any = None, naming: NamingConvention | None = None
    ) -> DestinationCapabilitiesContext:
        """Return the capabilities."""
        return self._raw_capabilities()

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        capabilities = DestinationCapabilitiesContext.generic_capabilities("parquet")
        capabilities.supported_loader_file_formats = ["parquet"]
        capabilities.max_identifier_length = self._max_identifier_length
        capabilities.max_column_identifier_length = self._max_identifier_length
        return capabilities
