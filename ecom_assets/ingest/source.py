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
from requests import Response

from ecom_assets.ingest.connection import Connection
from ecom_assets.ingest.contract import Contract
from ecom_assets.ingest.declaration import Endpoint, Resource, Shop
from ecom_assets.ingest.errors import ContractBroken
from ecom_assets.ingest.gathering import Gathering
from ecom_assets.ingest.meter import SLICE_HEADER, Meter
from ecom_assets.ingest.pagination import RECORDS, SlicePaginator
from ecom_assets.ingest.privacy import protect
from ecom_assets.ingest.proving import Limits
from ecom_assets.ingest.sorting import Batch, judge, sort
from ecom_assets.ingest.tally import Tally
from ecom_assets.ingest.windows import Slice, ask

_SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
"""What dlt is to do with our Arrow tables; the declared contract was kept before it sees them."""


@dataclass
class Order:
    """What a run wants read: over which connection, which slices, into whose tallies, by which contracts."""

    connection: Connection
    slices: Mapping[str, Sequence[Slice]]
    tallies: Mapping[str, Tally]
    contracts: Mapping[str, Contract]
    say: Callable[[str], None] = field(default=lambda text: None)
    paginator: type[SlicePaginator] = SlicePaginator


def build_source(shop: Shop, order: Order | None = None) -> DltSource:
    """Return the dlt source of a shop, with a resource for each table, in the order of the declaration.

    Without an order it has all names and hints, needs no secret and reads nothing. Beside the tables there are,
    unselected, `<resource>_windows` with an item per slice and `<resource>_records` with the records of one.
    """
    if order:
        shop = order.connection.shop
    endpoints = [resource for resource in shop.resources if resource.endpoint]
    client: dict[str, Any] = {"base_url": shop.client.base_url, "headers": dict(shop.client.headers)}
    if order:
        client["session"] = order.connection.session
    meter = order.connection.meter if order else Meter()
    config: Any = {
        "client": client,
        "resources": [
            part
            for resource in endpoints
            for part in (_windows(shop, resource, order), _records(shop, resource, meter, order))
        ],
    }
    source = rest_api_source(config, name=shop.name, max_table_nesting=0)
    for resource in endpoints:
        if order:
            source.resources[records_name(resource)].add_map(_sorter(shop, resource, order))
    for resource in shop.resources:
        records = source.resources[records_name(shop.parent_of(resource))]
        source.resources.add(_table(shop, resource, records, order))
    return source


def records_name(resource: Resource) -> str:
    """Return the name of the dlt resource that reads an endpoint."""
    return f"{resource.name}_records"


def windows_name(resource: Resource) -> str:
    """Return the name of the dlt resource that yields the slices of an endpoint."""
    return f"{resource.name}_windows"


def _windows(shop: Shop, resource: Resource, order: Order | None) -> DltResource:
    """Return the parent of an endpoint's records: one item per slice, `id`, `start` and `end` as text."""
    slices = order.slices.get(resource.name, ()) if order else ()

    def windows() -> Iterator[list[dict[str, str]]]:
        asked = []
        for part in slices:
            bounds = ask(part, shop.incremental_of(resource.name)) if resource.windowed else None
            asked.append(
                {"id": part.id, "start": bounds.start if bounds else "", "end": bounds.end if bounds else ""}
            )
        yield asked

    return dlt.resource(windows, name=windows_name(resource), selected=False)


def _records(shop: Shop, resource: Resource, meter: Meter, order: Order | None) -> dict[str, Any]:
    """Return the entry of an endpoint in the configuration of dlt's REST API source."""
    endpoint = resource.endpoint or Endpoint(path="")
    parent = windows_name(resource)
    paginator = order.paginator if order else SlicePaginator
    params = dict(endpoint.params)
    incremental = endpoint.incremental
    if incremental and incremental.server_filter:
        for name, bound in ((incremental.start_param, "start"), (incremental.end_param, "end")):
            if name:
                params[name] = f"{{resources.{parent}.{bound}}}"
    config: dict[str, Any] = {
        "path": endpoint.path,
        "method": endpoint.method,
        "params": params,
        "headers": {**endpoint.headers, SLICE_HEADER: f"{{resources.{parent}.id}}"},
        # compiled, or dlt does it again for each page
        "data_selector": jsonpath.compile_path(endpoint.data_selector or "$"),
        "paginator": paginator(shop, resource, meter, _limits(shop, resource, order)),
    }
    if endpoint.json_body:
        config["json"] = dict(endpoint.json_body)
    if endpoint.response_actions:
        config["response_actions"] = [_action(dict(action)) for action in endpoint.response_actions]
    return {
        "name": records_name(resource),
        "endpoint": config,
        # one item per slice, so that its id is written once and not into every record
        "include_from_parent": ["id"],
        "parallelized": True,
        "selected": False,
    }


def _limits(shop: Shop, resource: Resource, order: Order | None) -> Callable[[str], Limits]:
    """Return what tells by a slice's id where it ends."""
    slices = {part.id: part for part in order.slices.get(resource.name, ())} if order else {}

    def limits(slice_id: str) -> Limits:
        if not resource.windowed:
            return Limits()
        part = slices[slice_id]
        return Limits(part.end, ask(part, shop.incremental_of(resource.name)).high)

    return limits


def _action(action: dict[str, Any]) -> Any:
    """Return one of dlt's response actions; `ignore` becomes an empty page.

    Of itself it would end the paging before the pages that are held back were handed over.
    """
    if action.get("action") == "ignore":
        action["action"] = _ignore
    return action


def _ignore(response: Response, *args: Any, **kwargs: Any) -> Response:
    response.status_code = 200
    response._content = b"{}"
    response.ignored = True  # type: ignore[attr-defined]
    return response


def _sorter(shop: Shop, resource: Resource, order: Order) -> Callable[[dict[str, Any]], Batch]:
    """Return the step that gives each record of a slice its window, once for all tables."""
    slices = {part.id: part for part in order.slices.get(resource.name, ())}
    done: list[str] = []

    def into_windows(item: dict[str, Any]) -> Batch:
        part = slices[item[f"_{windows_name(resource)}_id"]]
        protect(shop, resource, item[RECORDS], order.connection.pii_key)
        batch = sort(shop, resource, part, item[RECORDS])
        done.append(part.id)
        order.say(f"{part.id}: {len(batch.records)} records ({len(done)} of {len(slices)} slices)")
        return batch

    return into_windows


def _table(shop: Shop, resource: Resource, records: DltResource, order: Order | None) -> DltResource:
    """Return the transformer that makes the Arrow tables of one resource."""

    parent = shop.parent_of(resource)
    gathering = Gathering(len(order.slices.get(parent.name, ())) if order else 0)

    def rows(batches: list[Batch]) -> Iterator[Any]:
        if order:
            for batch in batches:
                try:
                    contracted = judge(
                        shop, order.contracts[resource.name], order.tallies[resource.name], batch
                    )
                except ContractBroken as broken:
                    broken.resource = resource.name
                    raise
                for table, hints in gathering.add(contracted):
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
