"""Which tables a failure concerns, so that the others of the same reading can still be loaded."""

from __future__ import annotations

from collections.abc import Sequence

from dlt.extract.exceptions import ResourceExtractionError

from ecom_assets.client.failures import cause_chain
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.source import records_name
from ecom_assets.foundation.errors import ContractBroken, IngestError


def failed_tables(
    shop: Shop, tables: Sequence[Resource], error: Exception, failure: IngestError
) -> list[Resource]:
    """Return which of the tables of one reading a failure concerns: those of an endpoint, one table, or all."""
    if isinstance(failure, ContractBroken) and failure.resource is not None:
        return [resource for resource in tables if resource.name == failure.resource]
    pipes = [cause.pipe_name for cause in cause_chain(error) if isinstance(cause, ResourceExtractionError)]
    through = [
        resource
        for resource in tables
        if any(records_name(shop.resource(name)) in pipes for name in shop.endpoints_to_read(resource))
    ]
    return through or list(tables)
