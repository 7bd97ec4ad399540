"""One run, from the plan to the report: the stages in their order, each a function of a module of its own."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from ecom_assets.client.api_connection import ApiConnection, open_api
from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.windows import Window
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.foundation.garbage_collection import relaxed_garbage_collection
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.column_types import infer_types
from ecom_assets.load.commit import CommitResult, WriteFirst, commit
from ecom_assets.load.dlt_pipeline import open_pipeline
from ecom_assets.load.ledger.clock import report_offset
from ecom_assets.load.ledger.cursors import plan_from_cursors
from ecom_assets.load.plan import LoadPlan, plan_load, windows_named, without_tables
from ecom_assets.load.read import Reading, read_verify_and_contract
from ecom_assets.load.report import (
    ResourceReport,
    RunReport,
    WindowReport,
    resource_reports,
    say_what_holds_cursors,
)
from ecom_assets.load.run_context import PhaseTimer, RunContext
from ecom_assets.load.schema_changes.change import TableNotChanged
from ecom_assets.load.schema_changes.widen_columns import TypesChanged
from ecom_assets.load.unions import refresh_unions_over
from ecom_assets.load.warehouse_state import read_warehouse_state
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.errors import ValueNotStored
from ecom_assets.warehouse.warehouse import Warehouse

__all__ = ["ResourceReport", "RunReport", "WindowReport", "run_load"]

_log = logging.getLogger(__name__)

_SHOWN_COLUMNS = 5
_MAX_TRIES = 4
"""How often a run reads because other loads change the types of columns meanwhile. Each type changes a few times."""


def run_load(
    shop: Shop,
    resources: Collection[str],
    windows: Sequence[Window | str] = (),
    *,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: OnProgress | None = None,
    since: str | None = None,
) -> RunReport:
    """Load the windows of windowed resources, or unpartitioned resources: snapshots, and all that is new of others.

    A resource that fails is left out, with its error in the report, and the other ones are loaded. All of the run is
    committed in one step: a run that is killed leaves the tables as they were.

    Args:
        shop: The declared shop.
        resources: The names of the resources to load, all windowed or all unpartitioned.
        windows: The windows to load, each by its partition key, such as "2026-02-01"; none for unpartitioned resources.
        secrets: The shop's secrets by field; those that are missing come from dlt's secret providers.
        warehouse: Where to load, by default the warehouse that the environment names.
        progress: Takes lines about progress for a person, by default the log.
        since: A value of the cursor, to read open-ended resources from there if it is before the ledger's cursor.

    Raises:
        DeclarationError: A resource is unknown or of the wrong kind, or there is no such window.
        MissingSecret: A secret is nowhere to be found.
        WarehouseError: The warehouse or the temporary folder cannot be read or written. Nothing was loaded, or, if
            the message says so, nobody knows whether it was committed.
    """
    warehouse = warehouse or warehouse_from_environment()
    warehouse.check(shop)
    # one name in place of a list of them
    names = [resources] if isinstance(resources, str) else resources
    keys = [windows] if isinstance(windows, str) else windows
    plan = plan_load(shop, names, windows_named(shop, keys))
    with open_api(shop, secrets) as connection, relaxed_garbage_collection():
        return load_plan(connection, warehouse, plan, progress or _log.info, since=since)


def load_plan(
    connection: ApiConnection,
    warehouse: Warehouse,
    plan: LoadPlan,
    on_progress: OnProgress,
    *,
    since: str | None = None,
    first: WriteFirst | None = None,
) -> RunReport:
    """Load what a plan says. It reads again if other loads change the types of columns meanwhile.

    Args:
        connection: The open API.
        warehouse: Where to load.
        plan: What to load.
        on_progress: Takes lines about progress for a person.
        since: A value of the cursor, as `run_load` takes it.
        first: Writes something else at the beginning of the transaction of the load. Then a table that fails fails the
            load.
    """
    timer = PhaseTimer()
    refused: dict[str, IngestError] = {}
    tries = 1
    while True:
        with open_pipeline(plan.shop, warehouse) as pipeline:
            context = RunContext(connection, warehouse, pipeline, timer, on_progress)
            try:
                return _try_load(context, plan, refused, since, first)
            except TableNotChanged as error:
                refused[error.resource] = error
                on_progress(f"{error}; the other resources are read again")
            except ValueNotStored as error:
                if error.table not in {resource.name for resource in plan.resources} - refused.keys():
                    raise  # it is a table of our own, which no run is without
                refused[error.table] = error
                on_progress(f"{error}; the other resources are read again")
            except TypesChanged as error:
                if tries == _MAX_TRIES:
                    raise
                on_progress(f"{error.reason}: reading again")
                tries += 1
        plan = replace(plan, began=datetime.now(timezone.utc))


def _try_load(
    context: RunContext,
    plan: LoadPlan,
    refused: Mapping[str, IngestError],
    since: str | None,
    first: WriteFirst | None,
) -> RunReport:
    """Run all stages once. `refused` are the errors of resources that failed in an earlier try."""
    before = read_warehouse_state(context, plan)
    if context.warehouse.preview and not before.schema_tables:
        context.on_progress(context.warehouse.preview)
    plan = replace(plan, began=plan.began + before.clock_offset)
    for name, error in before.refused.items():
        context.on_progress(f"{name} failed: {error}")
    refused = {**before.refused, **refused}
    plan, failures = infer_types(context, without_tables(plan, refused), before.columns, before.empty)
    plan, without_cursor = plan_from_cursors(plan, before.cursors, since, context.on_progress)
    reading = read_verify_and_contract(context, plan, before.columns, before.filled)
    _check_new_columns(context, plan.shop, reading, before.columns)
    failures = {**refused, **failures, **without_cursor, **reading.failures}
    reading = replace(reading, failures=failures, ended=reading.ended + before.clock_offset)
    if offset := context.connection.statistics.clock_offset:
        report_offset("the API's clock", offset, context.on_progress)
    plan = reading.plan
    reports = resource_reports(plan, reading, context.connection.statistics)
    if first is not None and failures:
        raise next(iter(failures.values()))  # the caller's rows need these tables
    result = CommitResult()
    if reading.tables:
        result = commit(context, plan, before, reading, reports, first)
    for report in reports.values():
        if report.error is None:
            say_what_holds_cursors(report, context.on_progress)
    for name, widened in result.widened.items():
        if name in reports:
            reports[name] = replace(reports[name], widened=widened)
    for name, changed in result.changed.items():
        if name in reports:
            reports[name] = replace(reports[name], schema_changes=changed)
    loaded = [name for name, report in reports.items() if report.error is None]
    unions = refresh_unions_over(plan.shop, loaded, context.warehouse, context.on_progress)
    return RunReport(
        plan.shop.name, reports, context.timer.seconds, result.unpublished, unions, result.bytes_read
    )


def _check_new_columns(
    context: RunContext, shop: Shop, reading: Reading, stored: Mapping[str, Collection[str]]
) -> None:
    """Raise TableNotChanged for a table that the engine cannot give a column for each undeclared field."""
    for table in reading.tables:
        resource = table.metrics.resource
        declared = {column.name for column in resource.table_columns}
        present = set(stored.get(resource.name, ()))
        columns = dict.fromkeys([*(column.name for column in table.columns), *sorted(present)])
        new = [name for name in columns if name not in present and name not in declared]
        if not new:
            continue
        try:
            context.warehouse.check_columns(shop, resource.name, list(columns), are_cut_off=True)
        except WarehouseError as error:
            listed = ", ".join(new[:_SHOWN_COLUMNS]) + (", …" if len(new) > _SHOWN_COLUMNS else "")
            raise TableNotChanged(
                resource.name,
                f"{resource.name}: undeclared fields would become the columns {listed}, and {error}. To leave "
                "undeclared fields out: schema_contract.columns: discard_value. Nothing of it was loaded",
            ) from None
