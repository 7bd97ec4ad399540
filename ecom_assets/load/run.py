"""A run: read the slices, prove and judge them, and put all of it into the warehouse in one step.

Reading is `source`'s, the warehouse and its lock `warehouse`'s, the figures `tally`'s.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone

import dlt

from ecom_assets.client.api_connection import ApiConnection, open_api
from ecom_assets.client.failures import failure_of
from ecom_assets.contract.contract import Contract, evolved_column
from ecom_assets.declaration.reading import Resource, Shop
from ecom_assets.extract.children import child_slices
from ecom_assets.extract.failure_isolation import failed_tables
from ecom_assets.extract.load_metrics import LoadMetrics, ResourceReport, RunReport, WindowReport
from ecom_assets.extract.source import ReadPlan, build_source
from ecom_assets.extract.windows import Window, cut_into_slices
from ecom_assets.foundation.errors import DeclarationError, IncompleteSlice, NotPublished
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.foundation.temporary_folder import temporary_folder
from ecom_assets.load.dlt_log import quiet_dlt_log
from ecom_assets.load.garbage_collection import relaxed_garbage_collection
from ecom_assets.load.ledger import delete_replaced_rows, empty_staging, ledger_source
from ecom_assets.load.nested_rows import reconcile_nested_rows
from ecom_assets.load.row_keys import rows_found_fast
from ecom_assets.load.stale_writes import loads_after, stale_write_protection
from ecom_assets.load.stored_columns import Stored, refuse_other_types, stored_columns
from ecom_assets.warehouse.choice import warehouse_from_environment
from ecom_assets.warehouse.errors import as_warehouse_error
from ecom_assets.warehouse.warehouse import Warehouse

__all__ = ["ResourceReport", "RunReport", "WindowReport", "run_load"]

_log = logging.getLogger(__name__)


def run_load(
    shop: Shop,
    resources: Collection[str],
    windows: Sequence[Window] = (),
    *,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: OnProgress | None = None,
) -> RunReport:
    """Load the windows of windowed resources, or, without windows, snapshot resources as a whole.

    A resource that fails is left out, with its error in the report, and its siblings are loaded. What is loaded
    is there in one step: a run that is killed leaves the tables as they were. Raises DeclarationError for
    resources that are unknown or of the wrong kind; MissingSecret; WarehouseError.
    """
    warehouse = warehouse or warehouse_from_environment()
    warehouse.check(shop)
    run = _Run(shop, _chosen(shop, resources, windows), windows, warehouse, progress)
    with open_api(shop, secrets) as connection, relaxed_garbage_collection():
        return run.load(connection)


def _chosen(shop: Shop, names: Collection[str], windows: Sequence[Window]) -> tuple[Resource, ...]:
    """Return the resources of these names in the declared order; refuse those of the other kind."""
    for name in names:
        if shop.resource(name).windowed != bool(windows):
            kind = (
                "windowed: it is loaded by window"
                if shop.resource(name).windowed
                else "a snapshot: it has no windows"
            )
            allowed = [entry.name for entry in shop.resources if entry.windowed == bool(windows)]
            raise DeclarationError(
                shop.file.name, "resources", f"{name}, which is {kind}", ", ".join(allowed)
            )
    return tuple(resource for resource in shop.resources if resource.name in names)


class _Run:
    """One run, from the first request to the commit."""

    def __init__(
        self,
        shop: Shop,
        chosen: tuple[Resource, ...],
        windows: Sequence[Window],
        warehouse: Warehouse,
        on_progress: OnProgress | None,
    ) -> None:
        self.shop = shop
        self.chosen = chosen
        self.windows = windows
        self.warehouse = warehouse
        self.on_progress: OnProgress = on_progress or _log.info
        self.phases = dict.fromkeys(("fetch", "normalize", "wait", "load"), 0.0)
        self.reports: dict[str, ResourceReport] = {}
        self.load_metrics: list[LoadMetrics] = []
        self.unpublished: NotPublished | None = None
        self.began = datetime.now(timezone.utc)
        self.ahead: frozenset[str] = frozenset()
        self.stored: Stored = {}

    def load(self, connection: ApiConnection) -> RunReport:
        """Read endpoint by endpoint, then load what could be read."""
        # a folder of its own: two runs of one pipeline would corrupt each other's, and what one left pending
        # would be loaded by the next in place of its own data
        with quiet_dlt_log(), temporary_folder() as folder:
            pipeline = dlt.pipeline(
                self.shop.name,
                pipelines_dir=str(folder),
                destination=self.warehouse.destination(),
                dataset_name=self.shop.name,
            )
            # dlt's trace is a file with the text of each exception, as it was before ours left the secrets out
            pipeline.config.enable_runtime_trace = False
            try:
                self._sync(connection, pipeline)
                with self._phase("fetch"):
                    for name in dict.fromkeys(self.shop.root_of(entry).name for entry in self.chosen):
                        self._read(connection, pipeline, self.shop.resource(name))
                if self.load_metrics:
                    self._store(connection, pipeline)
            finally:
                pipeline.deactivate()
        ordered = {resource.name: self.reports[resource.name] for resource in self.chosen}
        return RunReport(self.shop.name, ordered, self.phases, self.unpublished)

    def _sync(self, connection: ApiConnection, pipeline: dlt.Pipeline) -> None:
        """Learn the schema that the tables have, so that a column keeps the type it once got."""
        if not self.warehouse.exists():
            return
        with (
            self._phase("wait"),
            as_warehouse_error(self.warehouse, connection.redactor),
            self.warehouse.read(self.shop.name, self.on_progress) as warehouse,
        ):
            pipeline.sync_destination()
            self.stored = stored_columns(pipeline, [resource.name for resource in self.chosen])
            self.ahead = loads_after(warehouse, self.shop, self.began)

    def _read(self, connection: ApiConnection, pipeline: dlt.Pipeline, endpoint: Resource) -> None:
        """Read an endpoint, and its children, for the chosen tables; one that fails is left out of the next try."""
        cuts = cut_into_slices(self.shop, endpoint.name, self.windows)
        tables = [resource for resource in self.chosen if self.shop.root_of(resource).name == endpoint.name]
        while tables:
            through = dict.fromkeys(name for entry in tables for name in self.shop.read_through(entry))
            slices = {name: child_slices(self.shop.resource(name), cuts) for name in through}
            connection.statistics.forget(part.id for parts in slices.values() for part in parts)
            load_metrics = {
                resource.name: LoadMetrics(resource, slices[self.shop.parent_of(resource).name])
                for resource in tables
            }
            contracts = {resource.name: self._contract(pipeline, resource) for resource in tables}
            order = ReadPlan(connection, slices, load_metrics, contracts, self.on_progress)
            try:
                # an extraction that fails commits no package, so the ones before it stay as they are
                info = pipeline.extract(
                    build_source(self.shop, order).with_resources(*load_metrics),
                    loader_file_format="parquet",
                    workers=self.shop.policy.concurrency,
                )
                self._normalize(pipeline)
            except Exception as error:
                failure = failure_of(error, connection.redactor)
                for resource in failed_tables(self.shop, tables, error, failure):
                    self.on_progress(f"{resource.name} failed: {failure}")
                    self.reports[resource.name] = ResourceReport(
                        resource.name, self._table(resource), error=failure
                    )
                    tables.remove(resource)
                continue
            read = (part.id for parts in slices.values() for part in parts)
            unproved = [name for name in read if not connection.statistics.of(name).complete]
            if unproved:
                raise IncompleteSlice(f"{unproved[0]}: dlt ended without having read it")
            for metrics in load_metrics.values():
                self.load_metrics.append(metrics)
                self.reports[metrics.resource.name] = ResourceReport(
                    metrics.resource.name,
                    self._table(metrics.resource),
                    metrics.reports(connection.statistics),
                    load_id=info.loads_ids[-1],
                    discarded=dict(metrics.discarded),
                    preview=tuple(metrics.preview),
                )
            return

    def _store(self, connection: ApiConnection, pipeline: dlt.Pipeline) -> None:
        """Write rows, ledger and rejected rows in one transaction."""
        reports = [self.reports[metrics.resource.name] for metrics in self.load_metrics]
        now = datetime.now(timezone.utc)
        with as_warehouse_error(self.warehouse, connection.redactor):
            pipeline.extract(
                ledger_source(self.shop, self.load_metrics, reports, now), loader_file_format="parquet"
            )
            self._normalize(pipeline)
        began = time.monotonic()
        try:
            with (
                as_warehouse_error(self.warehouse, connection.redactor),
                self._phase("load"),
                self.warehouse.transaction(self.shop.name, self.on_progress) as warehouse,
            ):
                self.phases["wait"] += (waited := time.monotonic() - began)
                self.phases["load"] -= waited
                chosen = [metrics.resource for metrics in self.load_metrics]
                stored = stored_columns(pipeline, [resource.name for resource in chosen])
                refuse_other_types(pipeline, chosen, self.stored, stored)
                overtaking = loads_after(warehouse, self.shop, now) - self.ahead
                with (
                    rows_found_fast(warehouse, self.shop, chosen),
                    stale_write_protection(
                        warehouse, self.shop, self.load_metrics, self.began, overtaking, self.on_progress
                    ),
                ):
                    delete_replaced_rows(warehouse, self.shop, self.load_metrics)
                    pipeline.load(workers=1)
                    reconcile_nested_rows(warehouse, self.shop, self.load_metrics, self.on_progress)
                    empty_staging(warehouse, self.shop)
        except NotPublished as error:
            # the load is done, and has to be reported before this is
            self.on_progress(str(error))
            self.unpublished = error

    def _normalize(self, pipeline: dlt.Pipeline) -> None:
        """Make the last package ready to load; one at a time, as the next extraction may add to the schema."""
        with self._phase("normalize"):
            pipeline.normalize(workers=1)

    def _contract(self, pipeline: dlt.Pipeline, resource: Resource) -> Contract:
        """Return the contract of a table, which also holds the columns that earlier loads added."""
        known = dict(self.stored.get(resource.name, {}))
        schema = pipeline.schemas.get(self.shop.name)
        if schema is not None and resource.name in schema.tables:
            known |= schema.get_table_columns(resource.name)
        declared = {column.name for column in resource.table_columns}
        evolved = {name: evolved_column(name, known[name]) for name in known if name not in declared}
        zone = self.shop.timezone_of(resource)
        return Contract(resource, self.shop.children_of(resource.name), evolved, timezone=zone)

    def _table(self, resource: Resource) -> str:
        return f"{self.shop.name}.{resource.name}"

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] += time.monotonic() - began
