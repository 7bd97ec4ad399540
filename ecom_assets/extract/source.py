"""The dlt source of a shop. It reads the slices of a run page by page and yields the Arrow tables of its contracts.

The records of one endpoint pass these steps, from top to bottom of this module:

1. slices: `slices_resource` yields one item a slice, with the values of its window;
2. pages: `_records_config` makes dlt's REST API source request the pages of each slice;
3. completeness: `SlicePaginator` hands the records over once they are one complete list;
4. windows: `_window_step` runs dlt's processing steps, and assigns each record to a window of its slice;
5. contract and tables: `_table_resource` makes the Arrow tables of one resource.

Tables of the same endpoint share steps 1 to 4. Children that are read by a field of the parent have a dlt resource
of their own in place of steps 1 to 4; see `ecom_assets.extract.children`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.common.schema.typing import TSchemaContractDict
from dlt.extract import DltResource, DltSource
from dlt.sources.rest_api import rest_api_source

from ecom_assets.client.read_statistics import SLICE_HEADER
from ecom_assets.client.signing import auth_header
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.privacy import protect_personal_data
from ecom_assets.declaration.placeholders import replace_placeholders
from ecom_assets.declaration.reading import Endpoint, Resource, Shop
from ecom_assets.declaration.shop_rules.internal_names import records_name, windows_name
from ecom_assets.extract.answers.errors_in_answers import report_errors
from ecom_assets.extract.answers.masked_values import report_masked
from ecom_assets.extract.children import child_records
from ecom_assets.extract.contract_application import apply_contract
from ecom_assets.extract.last_declaration import HINT, declaration_hint
from ecom_assets.extract.left_out_lists import require_lists
from ecom_assets.extract.load_metrics import windows_by_key
from ecom_assets.extract.open_ended import records_from
from ecom_assets.extract.paging.completeness import SliceLimits
from ecom_assets.extract.paging.isolated_paginator import FAILURE
from ecom_assets.extract.paging.paginator import RECORDS
from ecom_assets.extract.processing import process_records
from ecom_assets.extract.read_plan import ReadPlan
from ecom_assets.extract.reading_advice import reading_advice
from ecom_assets.extract.request_template import response_actions, template_of
from ecom_assets.extract.slicing.batching import SliceBatcher, TableBatcher
from ecom_assets.extract.slicing.cutting import cut_where_needed
from ecom_assets.extract.slicing.items import BOUNDS, slice_item, slices_resource
from ecom_assets.extract.slicing.proof import require_sum_of_slices
from ecom_assets.extract.widening import ColumnsWidened
from ecom_assets.extract.window_assignment import AssignedRecords, assign_windows, with_window_start
from ecom_assets.extract.window_request import window_request
from ecom_assets.foundation.errors import ApiError, ContractBroken
from ecom_assets.foundation.json_path import compiled_path
from ecom_assets.foundation.progress import Progress

_SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
"""How dlt treats our Arrow tables. They already keep the declared contract."""


def describe_source(shop: Shop) -> DltSource:
    """Return a dlt source with all tables of a shop and their hints. It needs no secret and reads nothing."""
    tables = []
    for resource in shop.tables:
        name = records_name(shop.parent_of(resource))
        records = dlt.resource(lambda: iter(()), name=name, selected=False)
        tables.append(_table(resource, records, lambda items: iter(()), Contract(resource)))
    return DltSource(Schema(shop.name), shop.name, tables)


def build_source(plan: ReadPlan) -> DltSource:
    """Return the dlt source of a run, with one dlt resource a table, in the order of the declaration.

    Two more dlt resources an endpoint are not selected: `<resource>_windows` yields an item a slice, and
    `<resource>_records` yields its records. An endpoint that is read by a field of the parent has only the second.

    Args:
        plan: What to read. The source has only the tables of the plan.
    """
    shop = plan.connection.shop
    wanted = [resource for resource in shop.resources if resource.name in plan.slices]
    endpoints = sorted(
        (resource for resource in wanted if resource.endpoint),
        # a parent comes before its children
        key=lambda resource: len(shop.endpoints_to_read(resource)),
    )
    source = rest_api_source(_rest_api_config(shop, endpoints, plan), name=shop.name, max_table_nesting=0)
    for resource in endpoints:
        if resource.parent is not None:
            parents = source.resources[records_name(shop.resource(resource.parent))]
            source.resources.add(_child_resource(resource, parents, plan))
        else:
            records = source.resources[records_name(resource)]
            if plan.counted:
                cut_where_needed(records, resource, plan, partial(slice_item, shop, resource))
            records.add_map(_window_step(shop, resource, plan))
    for resource in shop.tables:
        if resource.name not in plan.load_metrics:
            continue
        records = source.resources[records_name(shop.parent_of(resource))]
        source.resources.add(_table_resource(shop, resource, records, plan))
    return source


def _rest_api_config(shop: Shop, endpoints: Sequence[Resource], plan: ReadPlan) -> Any:
    """Return the configuration of dlt's REST API source: slices and records of each endpoint."""
    client: dict[str, Any] = {
        "base_url": shop.client.base_url,
        "headers": dict(shop.client.headers),
        "session": plan.connection.session,
    }
    resources: list[Any] = []
    for resource in endpoints:
        if resource.parent is None:
            resources.append(slices_resource(shop, resource, plan))
            resources.append(_records_config(shop, resource, plan))
    return {"client": client, "resources": resources}


def _records_config(shop: Shop, resource: Resource, plan: ReadPlan) -> dict[str, Any]:
    """Return the configuration with which dlt's REST API source reads the pages of an endpoint."""
    endpoint = resource.endpoint or Endpoint(path="")
    parent = windows_name(resource)
    limits = _slice_limits(shop, resource, plan)
    template = template_of(endpoint)
    fields = {placeholder: f"resources.{parent}.{bound}" for bound, placeholder in BOUNDS.items()}

    def slice_field(placeholder: str) -> str:
        return f"{{{fields[placeholder]}}}"

    config: dict[str, Any] = {
        "path": replace_placeholders(template.path, lambda placeholder: f"{{{fields[placeholder]}_in_path}}"),
        "method": endpoint.method,
        "params": replace_placeholders(template.params, slice_field),
        "headers": {
            **replace_placeholders(template.headers, slice_field),
            SLICE_HEADER: f"{{resources.{parent}.id}}",
            **auth_header(resource),
        },
        # compiled here, because dlt would otherwise compile it for each page
        "data_selector": compiled_path(endpoint.data_selector or "$"),
        "paginator": plan.paginator(shop, resource, plan.connection.statistics, limits),
    }
    if template.json_body:
        config["json"] = replace_placeholders(template.json_body, slice_field)
    if template.data:
        config["data"] = replace_placeholders(template.data, slice_field)
    if actions := response_actions(endpoint):
        config["response_actions"] = actions
    return {
        "name": records_name(resource),
        "endpoint": config,
        # the paginator yields one item a slice, so the id is written once and not into every record
        "include_from_parent": ["id"],
        "parallelized": True,
        "selected": False,
    }


def _slice_limits(shop: Shop, resource: Resource, plan: ReadPlan) -> Callable[[str], SliceLimits]:
    """Return the function that returns the limits of a slice, given its id."""

    def limits(slice_id: str) -> SliceLimits:
        if not resource.windowed:
            return SliceLimits()
        slice_ = plan.slice_of(slice_id)
        request = window_request(slice_, shop.incremental_of(resource.name))
        most = slice_.most_records if slice_.is_joined else None
        return SliceLimits(slice_.end, latest_possible=request.high, most_records=most)

    return limits


def _window_step(
    shop: Shop, resource: Resource, plan: ReadPlan
) -> Callable[[dict[str, Any]], AssignedRecords]:
    """Return the step that assigns the records of a slice to its windows, once for all tables of the endpoint."""
    progress = Progress(resource.name, len(plan.slices.get(resource.name, ())), plan.on_progress)

    def assign(item: dict[str, Any]) -> AssignedRecords:
        slice_ = plan.slice_of(item[f"_{windows_name(resource)}_id"])
        nothing = AssignedRecords(slice_, [], [], [])
        if FAILURE in item:
            return nothing
        try:
            start = slice_.windows[0].start if slice_.windows else None
            found = with_window_start(resource, item[RECORDS], start)
        except ApiError as error:
            if not plan.connection.statistics.fail_alone(slice_.id, error):
                raise
            return nothing
        records, filtered = process_records(shop, resource, found)
        protect_personal_data(shop, resource, records, plan.connection.pii_key)
        if resource.open_ended:
            records = records_from(shop, resource, slice_.cursor, records, plan.on_progress)
        try:
            assigned = assign_windows(shop, resource, slice_, records, plan.on_progress)
        except ApiError as error:
            if not plan.connection.statistics.fail_alone(slice_.id, error):
                raise
            return nothing
        if plan.counted:
            plan.fetched.update(slice_.windows[window] for window in assigned.windows)
            progress.expect(len(plan.leaves(resource.name)))
        progress.add(len(assigned.records))
        report_masked(resource.name, plan.connection.statistics.of(slice_.id), plan.on_progress)
        report_errors(resource.name, plan.connection.statistics.of(slice_.id), plan.on_progress)
        return replace(assigned, filtered=filtered)

    return assign


def _child_resource(resource: Resource, parents: DltResource, plan: ReadPlan) -> DltResource:
    """Return the dlt resource with the records of an endpoint that is read by a field of the parent."""
    name = records_name(resource)
    slices = plan.slices.get(resource.name, ())
    return child_records(plan.connection, resource, parents, name, slices, plan.on_progress)


def _refuse_if_all_slices_failed(plan: ReadPlan, resource: Resource) -> None:
    """Raise the first failure if no slice of a table was read: then there is nothing to load beside it."""
    slices = plan.leaves(plan.connection.shop.root_of(resource).name)
    failures = plan.connection.statistics.failures(part.id for part in slices)
    if slices and len(failures) == len(slices):
        raise next(iter(failures.values()))


def _table_resource(shop: Shop, resource: Resource, records: DltResource, plan: ReadPlan) -> DltResource:
    """Return the dlt resource that yields the Arrow tables of one resource."""
    metrics, contract = plan.load_metrics[resource.name], plan.contracts[resource.name]
    slice_batcher, table_batcher = SliceBatcher(metrics), TableBatcher(len(metrics.counts))

    def tables(items: list[AssignedRecords]) -> Iterator[Any]:
        for batch in (batch for assigned in items for batch in slice_batcher.add(assigned)):
            try:
                result = apply_contract(shop, contract, metrics, batch)
            except ContractBroken as broken:
                broken.resource = resource.name
                raise
            if contract.guessed_wrong:
                raise ColumnsWidened(resource.name, contract.widened)
            if contract.widened:
                # the tables before this one have narrower types, so the rows cannot go together; reading goes on
                # to find out all types at once
                continue
            windows = sum(len(windows_by_key(assigned.slice_)) for assigned in batch)
            for table, hints in table_batcher.add(result, windows):
                new_columns = dlt.mark.make_hints(columns=dict(hints)) if hints else None
                yield dlt.mark.with_hints(table, new_columns) if new_columns else table
        if slice_batcher.done and contract.widened:
            raise ColumnsWidened(resource.name, contract.widened)
        if slice_batcher.done:
            for line in reading_advice(metrics):
                plan.on_progress(line)
            _refuse_if_all_slices_failed(plan, resource)
            require_lists(plan, resource)
            require_sum_of_slices(plan, shop.root_of(resource))

    table = _table(resource, records, tables, contract)
    table.apply_hints(additional_table_hints={HINT: declaration_hint(shop, resource)})
    return table


def _table(
    resource: Resource,
    records: DltResource,
    tables: Callable[[list[AssignedRecords]], Iterator[Any]],
    contract: Contract,
) -> DltResource:
    """Return the dlt resource of a table with its hints. `tables` makes Arrow tables of the records."""
    return dlt.transformer(
        tables,
        data_from=records,
        name=resource.name,
        columns=contract.columns_hints(),
        primary_key=resource.primary_key,
        write_disposition=resource.write_disposition,
        schema_contract=_SCHEMA_CONTRACT,
    )
