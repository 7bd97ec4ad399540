"""Read one slice of a loopback server's list through dlt's client, as dlt's REST API source does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.rest_api.config_setup import create_response_hooks

from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics, SliceStatistics
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.declaration.table.schema_contract import SchemaContract
from ecom_assets.extract.paging.completeness import SliceLimits
from ecom_assets.extract.paging.paginator import RECORDS, SlicePaginator
from ecom_assets.extract.request_template import response_actions
from ecom_assets_tests.support.servers.loopback import Loopback, session_to, shop_at

SLICE = "things/all"
OFFSET = {"type": "offset", "limit": 10, "total_path": "total"}


def read_slice(
    loopback: Loopback,
    paginator: dict[str, Any] | None = None,
    selector: str = "data",
    limits: SliceLimits | None = None,
    columns: str = "evolve",
    policy: Mapping[str, Any] | None = None,
    **more: Any,
) -> tuple[list[Any], SliceStatistics]:
    """Read a slice, and return its records and its statistics. An empty `paginator` declares none.

    `limits` say where it ends, `columns` is the key of the schema contract, `policy` has keys of the shop's policy,
    `more` are fields of the endpoint.
    """
    shop = shop_at(loopback.base_url, **(policy or {}))
    endpoint = {
        "paginator": OFFSET if paginator is None else paginator or None,
        "data_selector": selector,
        "response_actions": ({"status_code": 404, "action": "ignore"},),
        **more,
    }
    contract = SchemaContract.model_validate({"columns": columns})
    resource = with_endpoint(shop, endpoint).model_copy(update={"schema_contract": contract})
    assert resource.endpoint
    statistics = ReadStatistics()
    with session_to(shop, statistics=statistics) as session:
        client = RESTClient(loopback.base_url, session=session)
        items = [
            item
            for page in client.paginate(
                "things",
                more.get("method", "GET"),
                json=copy.deepcopy(more.get("json_body")),
                headers={SLICE_HEADER: SLICE},
                params={"fixed": "1", **more.get("params", {})},
                paginator=copy.deepcopy(
                    SlicePaginator(shop, resource, statistics, lambda slice_id: limits or SliceLimits())
                ),
                data_selector=selector,
                hooks=create_response_hooks(response_actions(resource.endpoint)),
            )
            for item in page
        ]
    assert len(items) == 1
    return items[0][RECORDS], statistics.of(SLICE)


def with_endpoint(shop: Shop, fields: Mapping[str, Any]) -> Resource:
    """Return the shop's resource with other fields of its endpoint, and a column for its cursor if there is one."""
    resource = shop.resource("things")
    assert resource.endpoint
    endpoint = resource.endpoint.model_copy(update=dict(fields))
    columns = resource.declared_columns
    if endpoint.incremental:
        cursor = Column(name=endpoint.incremental.cursor_path, data_type="timestamp", nullable=False)
        columns = (*columns, cursor)
    return resource.model_copy(update={"endpoint": endpoint, "column_entries": columns})
