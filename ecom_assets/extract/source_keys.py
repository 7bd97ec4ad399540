"""All primary keys that an API has of a collection, proved complete the way a slice of records is.

What becomes of the rows that are not among them is `sweeping`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from requests import Response

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.failures import failure_of
from ecom_assets.client.read_statistics import SliceStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.record_keys import value_at
from ecom_assets.declaration.deletes import deletions_name
from ecom_assets.declaration.reading import Resource
from ecom_assets.extract.paginator import SlicePaginator
from ecom_assets.extract.source import ReadPlan, build_source, records_name
from ecom_assets.extract.windows import Slice
from ecom_assets.foundation.errors import ApiError, IncompleteSlice
from ecom_assets.foundation.progress import OnProgress


def source_keys(
    connection: ApiConnection, resource: Resource, on_progress: OnProgress
) -> tuple[pa.Table, SliceStatistics]:
    """Return the keys of a collection, columns as in the resource's table, and what reading them took.

    The endpoint is asked with its own parameters and those of `deletes`, without a window's. Raises ApiError
    for any failure, also for a record whose key cannot be read: what is left of it could be any row's.
    """
    if resource.endpoint is None or resource.endpoint.incremental is None or resource.deletes is None:
        raise LookupError(f"{resource.name} has no deletes")
    incremental, params = resource.endpoint.incremental, resource.endpoint.params
    endpoint = resource.endpoint.model_copy(
        update={"incremental": None, "params": {**params, **resource.deletes.params}}
    )
    whole = resource.model_copy(update={"endpoint": endpoint})
    shop = connection.shop.model_copy(update={"resources": (whole,)})
    part = Slice(f"{deletions_name(resource.name)}/all")
    order = ReadPlan(
        replace(connection, shop=shop),
        {whole.name: (part,)},
        {},
        {},
        paginator=KeyPaginator,
        on_progress=on_progress,
    )
    records: list[Any] = []
    try:
        for batch in build_source(shop, order).resources[records_name(whole)]:
            records += batch.records
    except Exception as error:
        raise failure_of(error, connection.redactor) from None
    reading = connection.statistics.of(part.id)
    if not reading.complete:
        raise IncompleteSlice(f"{part.id}: dlt ended without having read it")
    keys = Contract(resource, timezone=incremental.timezone).columns_of(records, resource.primary_key)
    if len(keys) < len(records):
        raise ApiError(
            f"{resource.name}: {len(records) - len(keys)} of {len(records)} records came without a usable primary key "
            f"{', '.join(resource.primary_key)}, so what is gone cannot be told; check deletes.params"
        )
    return keys, reading


class KeyPaginator(SlicePaginator):
    """Reads a slice as ever, but holds back no more of a record than its primary key."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take in what is kept of the records of a page."""
        if data:
            data[:] = [trimmed(row, self._key_paths) for row in data]
        super().update_state(response, data)


def trimmed(row: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Return a record that has its primary key only; one without a usual key stays as it is."""
    kept: dict[str, Any] = {}
    for path in paths:
        value = value_at(row, path)
        if type(value) not in (int, str):
            return row
        node = kept
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value
    return kept
