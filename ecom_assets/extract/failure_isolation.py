"""Failure isolation: which tables fail with an error, so that the other tables of the run still load."""

from __future__ import annotations

from collections.abc import Sequence

from dlt.extract.exceptions import ResourceExtractionError

from ecom_assets.client.failures import cause_chain
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.declaration.shop_rules.internal_names import records_name
from ecom_assets.foundation.errors import ContractBroken, IncompleteSlice, IngestError


def failed_tables(
    shop: Shop, tables: Sequence[Resource], error: Exception, failure: IngestError
) -> list[Resource]:
    """Return the tables that fail: one table, all tables of an endpoint, or, if that is unknown, all of them.

    Args:
        shop: The declared shop.
        tables: The tables that were read together.
        error: What dlt raised.
        failure: The same failure, worded for the user.
    """
    if isinstance(failure, ContractBroken) and failure.resource is not None:
        return [resource for resource in tables if resource.name == failure.resource]
    failed_pipes = [
        cause.pipe_name for cause in cause_chain(error) if isinstance(cause, ResourceExtractionError)
    ]
    if isinstance(failure, IncompleteSlice) and failure.endpoint is not None:
        failed_pipes.append(records_name(shop.resource(failure.endpoint)))
    affected = [
        resource
        for resource in tables
        if any(records_name(shop.resource(name)) in failed_pipes for name in shop.endpoints_to_read(resource))
    ]
    return affected or list(tables)
