"""A declared shop as a dlt source: dlt's REST API source reads the slices, a transformer a table judges them.

One reading of an endpoint serves all the tables made of it. Which slices there are is `windows`', when a
slice is complete `pagination`'s, and what becomes of the tables `loading`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dlt
from dlt.common import jsonpath
from dlt.common.schema.typing import TSchemaContractDict
from dlt.extract import DltResource, DltSource
from dlt.sources.rest_api import rest_api_source

from ecom_assets.client.api_connection import ApiConnection
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.declaration.placeholders import END, START, replace_placeholders
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.extract.batching import SliceBatcher, TableBatcher
from ecom_assets.extract.children import child_records
from ecom_assets.extract.completeness import SliceLimits
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.paginator import RECORDS, SlicePaginator
from ecom_assets.extract.request_template import in_path, response_actions, template_of, window_values
from ecom_assets.extract.window_assignment import AssignedRecords, apply_contract, assign_windows
from ecom_assets.extract.windows import Slice, window_request
from ecom_assets.foundation.errors import ContractBroken
from ecom_assets.foundation.progress import OnProgress, Progress

_SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
"""What dlt is to do with our Arrow tables; the declared contract was kept before it sees them."""

_BOUNDS = {"start": START, "end": END}
"""The fields of a slice's item that fill the placeholders of a window."""


@dataclass
class ReadPlan:
    """What a run wants read: over which connection, which slices, into whose tallies, by which contracts."""

    connection: ApiConnection
    slices: Mapping[str, Sequence[Slice]]
    load_metrics: Mapping[str, LoadMetrics]
    contracts: Mapping[str, Contract]
    on_progress: OnProgress = field(default=lambda text: None)
    paginator: type[SlicePaginator] = SlicePaginator


def build_source(shop: Shop, order: ReadPlan | None = None) -> DltSource:
    """Return the dlt source of a shop, with a resource for each table, in the order of the declaration.

    Without an order it has all names and hints, needs no secret and reads nothing; with one it has what is ordered.
    Beside the tables there are, unselected, `<resource>_records` with the records of a slice, and
    `<resource>_windows` with an item per slice, unless the endpoint is asked by a field of the parent.
    """
    if order:
        shop = order.connection.shop
    wanted = [entry for entry in shop.resources if order is None or entry.name in order.slices]
    endpoints = sorted(
        (resource for resource in wanted if resource.endpoint),
        key=lambda resource: len(shop.endpoints_to_read(resource)),
    )
    client: dict[str, Any] = {"base_url": shop.client.base_url, "headers": dict(shop.client.headers)}
    if order:
        client["session"] = order.connection.session
    statistics = order.connection.statistics if order else ReadStatistics()
    config: Any = {
        "client": client,
        "resources": [
            part
            for resource in endpoints
            if resource.parent is None
            for part in (_windows(shop, resource, order), _records(shop, resource, statistics, order))
        ],
    }
    source = rest_api_source(config, name=shop.name, max_table_nesting=0)
    for resource in endpoints:
        if resource.parent is not None:
            parents = source.resources[records_name(shop.resource(resource.parent))]
            source.resources.add(_children(shop, resource, parents, order))
        elif order:
            source.resources[records_name(resource)].add_map(_sorter(shop, resource, order))
    for resource in shop.resources:
        if order and resource.name not in order.load_metrics:
            continue
        records = source.resources[records_name(shop.parent_of(resource))]
        source.resources.add(_table(shop, resource, records, order))
    return source


def records_name(resource: Resource) -> str:
    """Return the name of the dlt resource that reads an endpoint."""
    return f"{resource.name}_records"


def windows_name(resource: Resource) -> str:
    """Return the name of the dlt resource that yields the slices of an endpoint."""
    return f"{resource.name}_windows"


def _windows(shop: Shop, resource: Resource, order: ReadPlan | None) -> DltResource:
    """Return the parent of an endpoint's records: one item per slice, its `id` and the values of a window."""
    slices = order.slices.get(resource.name, ()) if order else ()
    incremental = shop.incremental_of(resource.name) if resource.windowed else None

    def windows() -> Iterator[list[dict[str, Any]]]:
        asked: list[dict[str, Any]] = []
        for part in slices:
            values = window_values(window_request(part, incremental), incremental) if incremental else {}
            item: dict[str, Any] = {"id": part.id}
            for bound, placeholder in _BOUNDS.items():
                item |= {
                    bound: values.get(placeholder, ""),
                    f"{bound}_in_path": in_path(values.get(placeholder, "")),
                }
            asked.append(item)
        yield asked

    return dlt.resource(windows, name=windows_name(resource), selected=False)


def _records(
    shop: Shop, resource: Resource, statistics: ReadStatistics, order: ReadPlan | None
) -> dict[str, Any]:
    """Return the entry of an endpoint in the configuration of dlt's REST API source."""
    endpoint = resource.endpoint or Endpoint(path="")
    parent = windows_name(resource)
    paginator = order.paginator if order else SlicePaginator
    template = template_of(endpoint)
    names = {placeholder: f"resources.{parent}.{bound}" for bound, placeholder in _BOUNDS.items()}

    def window(placeholder: str) -> str:
        return f"{{{names[placeholder]}}}"

    config: dict[str, Any] = {
        "path": replace_placeholders(template.path, lambda placeholder: f"{{{names[placeholder]}_in_path}}"),
        "method": endpoint.method,
        "params": replace_placeholders(template.params, window),
        "headers": {
            **replace_placeholders(template.headers, window),
            SLICE_HEADER: f"{{resources.{parent}.id}}",
        },
        # compiled, or dlt does it again for each page
        "data_selector": jsonpath.compile_path(endpoint.data_selector or "$"),
        "paginator": paginator(shop, resource, statistics, _limits(shop, resource, order)),
    }
    if template.json_body:
        config["json"] = replace_placeholders(template.json_body, window)
    if actions := response_actions(endpoint):
        config["response_actions"] = actions
    return {
        "name": records_name(resource),
        "endpoint": config,
        # one item per slice, so that its id is written once and not into every record
        "include_from_parent": ["id"],
        "parallelized": True,
        "selected": False,
    }


def _limits(shop: Shop, resource: Resource, order: ReadPlan | None) -> Callable[[str], SliceLimits]:
    """Return what tells by a slice's id where it ends."""
    slices = {part.id: part for part in order.slices.get(resource.name, ())} if order else {}

    def limits(slice_id: str) -> SliceLimits:
        if not resource.windowed:
            return SliceLimits()
        part = slices[slice_id]
        return SliceLimits(part.end, window_request(part, shop.incremental_of(resource.name)).high)

    return limits


def _children(shop: Shop, resource: Resource, parents: DltResource, order: ReadPlan | None) -> DltResource:
    """Return the batches of an endpoint that is asked by a field of its parent."""
    name = records_name(resource)
    if order is None:
        return dlt.transformer(lambda batches: iter(()), data_from=parents, name=name, selected=False)
    slices = order.slices.get(resource.name, ())
    return child_records(order.connection, resource, parents, name, slices, order.on_progress)


def _sorter(shop: Shop, resource: Resource, order: ReadPlan) -> Callable[[dict[str, Any]], AssignedRecords]:
    """Return the step that gives each record of a slice its window, once for all tables."""
    slices = {part.id: part for part in order.slices.get(resource.name, ())}
    progress = Progress(resource.name, len(slices), order.on_progress)

    def into_windows(item: dict[str, Any]) -> AssignedRecords:
        part = slices[item[f"_{windows_name(resource)}_id"]]
        protect_personal_data(shop, resource, item[RECORDS], order.connection.pii_key)
        batch = assign_windows(shop, resource, part, item[RECORDS], order.on_progress)
        progress.add(len(batch.records))
        return batch

    return into_windows


def _table(shop: Shop, resource: Resource, records: DltResource, order: ReadPlan | None) -> DltResource:
    """Return the transformer that makes the Arrow tables of one resource."""

    metrics = order.load_metrics.get(resource.name) if order else None
    waiting, gathering = (
        (SliceBatcher(metrics), TableBatcher(len(metrics.slices))) if metrics else (None, None)
    )

    def rows(batches: list[AssignedRecords]) -> Iterator[Any]:
        if order and metrics and waiting and gathering:
            for group in (group for batch in batches for group in waiting.add(batch)):
                try:
                    contracted = apply_contract(shop, order.contracts[resource.name], metrics, group)
                except ContractBroken as broken:
                    broken.resource = resource.name
                    raise
                for table, hints in gathering.add(contracted, len(group)):
                    evolved = dlt.mark.make_hints(columns=dict(hints)) if hints else None
                    yield dlt.mark.with_hints(table, evolved) if evolved else table

    hints = Contract(resource).columns_hints()
    if cursor := resource.cursor:
        # the same record may be read twice in a run; the later state of it is to stay
        hints[cursor.name] = {**hints[cursor.name], "dedup_sort": "desc"}
    return dlt.transformer(
        rows,
        data_from=records,
        name=resource.name,
        columns=hints,
        primary_key=resource.primary_key,
        write_disposition=resource.write_disposition,
        schema_contract=_SCHEMA_CONTRACT,
    )
