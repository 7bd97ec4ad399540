"""The stages read, verify and contract: the slices of each endpoint become Arrow tables in dlt packages.

dlt streams: each slice goes through all three stages before the next stage of the run begins. Its pages are read and
verified complete (`ecom_assets.extract.paging.paginator`), its records are assigned to windows and put through the
contract (`ecom_assets.extract.window_assignment`). `ecom_assets.extract.source` puts these steps together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

from ecom_assets.client.failures import cause_chain, failure_of
from ecom_assets.contract.column_names import remembered_fields
from ecom_assets.contract.contract import Contract
from ecom_assets.contract.inference import type_text
from ecom_assets.contract.new_fields import evolved_column
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.extract.children import child_slices
from ecom_assets.extract.chosen_records import ChosenRecordsPaginator
from ecom_assets.extract.failure_isolation import failed_tables
from ecom_assets.extract.filter_comparison import filter_problem
from ecom_assets.extract.load_metrics import LoadMetrics
from ecom_assets.extract.open_ended import cursor_progress
from ecom_assets.extract.paging.isolated_paginator import IsolatedSlicePaginator
from ecom_assets.extract.probe import probe_of
from ecom_assets.extract.read_plan import NotJoined, ReadPlan
from ecom_assets.extract.slicing.joining import JoinedSlices, count_id, join_windows
from ecom_assets.extract.source import build_source
from ecom_assets.extract.widening import ColumnsWidened
from ecom_assets.foundation.errors import ApiError, IncompleteSlice, IngestError
from ecom_assets.load.column_types import Widenings, set_schema_types, with_types
from ecom_assets.load.dlt_pipeline import stage_source
from ecom_assets.load.own_tables import describe_own_tables
from ecom_assets.load.plan import EndpointPlan, LoadPlan
from ecom_assets.load.run_context import RunContext
from ecom_assets.load.stored_columns import StoredColumns, columns_with_null


@dataclass(frozen=True)
class TableReading:
    """A table that was read as a whole: its metrics, and the load id of the dlt package with its rows.

    `failed_windows` are the failures of the windows that were left out, by partition key. `columns` are all columns of
    the table with the types of this run. `nested_lists` has, for each column in which an
    undeclared list of objects is JSON, the entry of a declaration that makes it a table.
    """

    metrics: LoadMetrics
    load_id: str
    columns: tuple[Column, ...] = ()
    nested_lists: Mapping[str, str] = field(default_factory=dict)
    failed_windows: Mapping[str, IngestError] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What a run read: the tables, the failures by resource, and the instant (UTC) when reading ended.

    `plan` is the run's plan with the types that the columns have after reading.
    """

    plan: LoadPlan
    tables: tuple[TableReading, ...]
    failures: Mapping[str, IngestError]
    ended: datetime

    @property
    def load_metrics(self) -> list[LoadMetrics]:
        """Return the metrics of the tables that were read."""
        return [table.metrics for table in self.tables]


def read_verify_and_contract(
    context: RunContext, plan: LoadPlan, stored: StoredColumns, filled: Collection[str] = ()
) -> Reading:
    """Read endpoint by endpoint into dlt packages that are ready to load.

    A table that fails is left out, with its error among the failures. The other tables of its endpoint are read again
    without it. Of an endpoint with a slice for each window, a window that fails is left out of all its tables.

    Args:
        context: The run's API and pipeline.
        plan: What to read.
        stored: The columns that the tables had before the run, with those that earlier loads added.
        filled: The tables for which an earlier load has read a record.

    Raises:
        IncompleteSlice: dlt reported success for a slice that was not read to its end.
    """
    tables: list[TableReading] = []
    failures: dict[str, IngestError] = {}
    with context.timer.measure("fetch"):
        for position in range(len(plan.endpoints)):
            plan, read, failed = _read_endpoint(context, plan, position, stored)
            if read and not any(table.metrics.resource.name in filled for table in read):
                endpoint = plan.endpoints[position]
                if failure := _empty_by_its_filter(context, plan.shop, endpoint):
                    failed |= {table.metrics.resource.name: failure for table in read}
                    read = []
            tables += read
            failures |= failed
    return Reading(plan, tuple(tables), failures, datetime.now(timezone.utc))


def _read_endpoint(
    context: RunContext, plan: LoadPlan, position: int, stored: StoredColumns
) -> tuple[LoadPlan, list[TableReading], dict[str, IngestError]]:
    """Read an endpoint and its children for its tables; after a failure, again without the tables that failed.

    If columns turn out too narrow, it is read again with wider ones. That ends, because a type can only become wider
    a few times.

    Returns:
        The plan with the types of the columns, the tables that were read, and the failures by resource.
    """
    names = [table.name for table in plan.endpoints[position].tables]
    failures: dict[str, IngestError] = {}
    widenings = Widenings()
    endpoint = plan.endpoints[position]
    joined = JoinedSlices(endpoint.slices)
    if endpoint.only is None:
        probe, resource, tables = probe_of(context.connection), endpoint.endpoint, endpoint.tables
        try:
            joined = join_windows(
                probe, plan.shop, resource, joined.slices, tables, plan.began, context.on_progress
            )
        except IngestError as error:
            for name in names:
                context.on_progress(f"{name} failed: {error}")
            return plan, [], dict.fromkeys(names, error)
    while names:
        shop = plan.shop
        wanted = [shop.resource(name) for name in names]
        contracts = {table.name: _table_contract(context, shop, table, stored, widenings) for table in wanted}
        set_schema_types(context.pipeline, shop, contracts)
        read_plan = _read_plan(context, shop, endpoint, joined, wanted, contracts)
        source = build_source(read_plan).with_resources(*read_plan.load_metrics)
        describe_own_tables(source.schema)
        try:
            load_id = stage_source(context, source, shop.policy.concurrency)
        except Exception as error:
            context.connection.statistics.reset(read_plan.cut_ids)
            if refused := next((cause for cause in cause_chain(error) if isinstance(cause, NotJoined)), None):
                context.on_progress(f"{endpoint.endpoint.name}: reads its windows one by one now: {refused}")
                joined = JoinedSlices(endpoint.slices)
                continue
            if widened := next(
                (cause for cause in cause_chain(error) if isinstance(cause, ColumnsWidened)), None
            ):
                for column in widened.columns.values():
                    context.on_progress(
                        f"{widened.resource}: {column.name} becomes {type_text(column)}, because a value needs it: "
                        "reading again"
                    )
                widenings.add(widened.resource, widened.columns)
                plan = with_types(plan, widenings.columns)
                continue
            failure = failure_of(error, context.connection.redactor)
            for resource in failed_tables(shop, wanted, error, failure):
                context.on_progress(f"{resource.name} failed: {failure}")
                failures[resource.name] = failure
                names.remove(resource.name)
        else:
            read_plan.settle_cuts(count_id(endpoint.endpoint))
            failed_windows = _leave_out_failed_windows(context, read_plan, endpoint)
            _require_complete_slices(context, read_plan, failed_windows)
            return (
                plan,
                [_table_reading(read_plan, name, load_id, failed_windows) for name in names],
                failures,
            )
    return plan, [], failures


def _empty_by_its_filter(context: RunContext, shop: Shop, endpoint: EndpointPlan) -> IngestError | None:
    """Return the failure of a first load without a record: the list without a filter has records of that time.

    A lost broker is a failure too, and one of this endpoint alone.
    """
    resource = shop.resource(endpoint.endpoint.name)
    statistics = context.connection.statistics
    if (
        not resource.windowed
        or endpoint.only is not None
        or any(entry.fetched for entry in statistics.of_endpoint(resource.name))
    ):
        return None
    empty = [(part.start, part.end) for part in endpoint.slices if part.start and part.end]
    probe = probe_of(replace(context.connection, shop=shop))
    try:
        problem = filter_problem(probe, shop, resource, datetime.now(timezone.utc), empty=empty)
    except ApiError as error:
        context.on_progress(
            f"{resource.name}: no window has a record, and the list without a filter cannot be read to compare it: "
            f"{error}"
        )
        return None
    except IngestError as error:
        failure: IngestError | None = error
    else:
        failure = ApiError(f"{resource.name}: {problem}") if problem else None
    if failure:
        context.on_progress(f"{resource.name} failed: {failure}")
    return failure


def _leave_out_failed_windows(
    context: RunContext, plan: ReadPlan, endpoint: EndpointPlan
) -> dict[str, IngestError]:
    """Leave the windows that failed alone out of all metrics, and return their failures by partition key."""
    slices = plan.slices[endpoint.endpoint.name]
    failures = context.connection.statistics.failures(part.id for part in slices)
    failed: dict[str, IngestError] = {}
    for part in slices:
        if part.id in failures:
            (window,) = part.windows
            failed[window.partition_key] = failures[part.id]
            context.on_progress(
                f"{endpoint.endpoint.name}: the window {window.partition_key} failed and is left out: "
                f"{failures[part.id]}"
            )
    for metrics in plan.load_metrics.values():
        metrics.leave_out(failed)
    return failed


def _table_reading(
    plan: ReadPlan, name: str, load_id: str, failed_windows: Mapping[str, IngestError]
) -> TableReading:
    contract, metrics = plan.contracts[name], plan.load_metrics[name]
    return TableReading(metrics, load_id, contract.columns, dict(contract.nested_lists), failed_windows)


def _read_plan(
    context: RunContext,
    shop: Shop,
    endpoint: EndpointPlan,
    joined: JoinedSlices,
    tables: Sequence[Resource],
    contracts: Mapping[str, Contract],
) -> ReadPlan:
    """Return what one try reads, with metrics that start from nothing."""
    endpoints_to_read = dict.fromkeys(
        name for resource in tables for name in shop.endpoints_to_read(resource)
    )
    slices = {name: child_slices(shop.resource(name), joined.slices) for name in endpoints_to_read}
    # the figures of a failed try must not count in the next one
    context.connection.statistics.reset(part.id for parts in slices.values() for part in parts)
    if endpoint.slices[0].windows and shop.incremental_of(endpoint.endpoint.name).sends_end:
        context.connection.statistics.isolate(
            {part.id: len(part.windows) for part in slices[endpoint.endpoint.name]}
        )
    resources = context.connection.shop.model_copy(update={"resources": shop.resources})
    return ReadPlan(
        replace(context.connection, shop=resources),
        slices,
        {
            resource.name: LoadMetrics(
                resource,
                slices[shop.parent_of(resource).name],
                cursor_progress(shop, shop.root_of(resource), endpoint.slices),
            )
            for resource in tables
        },
        contracts,
        context.on_progress,
        IsolatedSlicePaginator
        if endpoint.only is None
        else partial(ChosenRecordsPaginator, chosen=endpoint.only, pii_key=context.connection.pii_key),
        joined.counted,
    )


def _table_contract(
    context: RunContext, shop: Shop, resource: Resource, stored: StoredColumns, widenings: Widenings
) -> Contract:
    """Return the contract of a table: the declared columns, and those that earlier loads added.

    The types are those of the warehouse, as another load may have changed a type that dlt's schema still has.
    """
    known = dict(stored.get(resource.name, {}))
    in_warehouse, fields = set(known), {}
    schema = context.pipeline.schemas.get(shop.name)
    if schema is not None and resource.name in schema.tables:
        in_schema = schema.get_table_columns(resource.name)
        fields = remembered_fields({name: in_schema[name] for name in in_warehouse if name in in_schema})
        known = {**in_schema, **known}
    declared = {column.name for column in resource.table_columns}
    evolved = {name: evolved_column(name, known[name]) for name in known if name not in declared}
    evolved |= {name: column for name, column in widenings.of(resource.name).items() if name not in declared}
    return Contract(
        resource,
        shop.children_of(resource.name),
        evolved,
        timezone=shop.timezone_of(resource),
        stored=in_warehouse & evolved.keys(),
        may_hold_null=columns_with_null(resource, stored.get(resource.name, {})),
        fields=fields,
    )


def _require_complete_slices(
    context: RunContext, plan: ReadPlan, failed_windows: Mapping[str, IngestError]
) -> None:
    """Raise IncompleteSlice for a slice that dlt gave up without an error."""
    for parts in plan.slices.values():
        for part in parts:
            if part.windows and part.windows[0].partition_key in failed_windows:
                continue
            if not context.connection.statistics.of(part.id).complete:
                raise IncompleteSlice(
                    f"{part.id}: dlt reported success before this slice was read to its end: "
                    "nothing was loaded, run it again"
                )
