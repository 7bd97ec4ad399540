"""The contract of a table by a sample of its records, for commands that show what a load would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecom_assets.contract.contract import Contract, contract_of
from ecom_assets.contract.inference import infer_cursor, infer_key
from ecom_assets.contract.nested_values import values_at
from ecom_assets.declaration.reading import Column, Resource, Shop


def sample_contract(shop: Shop, resource: Resource, records: Sequence[Any]) -> Contract:
    """Return the contract of a resource by its declaration, with the types of undeclared columns by a sample."""
    types = {
        column.name: sampled_type(resource, column, records) for column in resource.columns if column.inferred
    }
    return contract_of(shop, resource.with_types(types))


def sampled_type(resource: Resource, column: Column, records: Sequence[Any]) -> Column:
    """Return an undeclared column of key or cursor with the type that records show."""
    values = values_at(records, column.path)[0]
    if column != resource.cursor:
        return infer_key(column, values)
    incremental = resource.endpoint.incremental if resource.endpoint else None
    start = incremental.initial_value if incremental and incremental.open_ended else None
    return infer_cursor(column, values, initial_value=start)
