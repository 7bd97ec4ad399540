"""A run: read the slices, prove and judge them, and put all of it into the warehouse in one step.

Reading is `source`'s, the warehouse and its lock `warehouse`'s, the figures `tally`'s.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dlt
import duckdb
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from ecom_assets.ingest.bookkeeping import bookkeeping, forget
from ecom_assets.ingest.children import child_slices
from ecom_assets.ingest.connection import Connection, connected
from ecom_assets.ingest.contract import Contract, evolved_column
from ecom_assets.ingest.declaration import Resource, Shop
from ecom_assets.ingest.dlt_log import quiet
from ecom_assets.ingest.errors import (
    DeclarationError,
    IncompleteSlice,
    IngestError,
    WarehouseError,
)
from ecom_assets.ingest.failures import causes_of, failed_tables, failure_of
from ecom_assets.ingest.source import Order, build_source
from ecom_assets.ingest.tally import ResourceReport, RunReport, Tally, WindowReport
from ecom_assets.ingest.warehouse import Warehouse
from ecom_assets.ingest.windows import Window, cut

__all__ = ["ResourceReport", "RunReport", "WindowReport", "run_load"]

_log = logging.getLogger(__name__)

Say = Callable[[str], None]


def run_load(
    shop: Shop,
    resources: Collection[str],
    windows: Sequence[Window] = (),
    *,
    secrets: Mapping[str, str] | None = None,
    warehouse: Warehouse | None = None,
    progress: Say | None = None,
) -> RunReport:
    """Load the windows of windowed resources, or, without windows, snapshot resources as a whole.

    A resource that fails is left out, with its error in the report, and its siblings are loaded. What is loaded
    is there in one step: a run that is killed leaves the tables as they were. Raises DeclarationError for
    resources that are unknown or of the wrong kind; MissingSecret; WarehouseError.
    """
    run = _Run(
        shop, _chosen(shop, resources, windows), windows, warehouse or Warehouse.from_environment(), progress
    )
    with connected(shop, secrets) as connection:
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
        say: Say | None,
    ) -> None:
        self.shop = shop
        self.chosen = chosen
        self.windows = windows
        self.warehouse = warehouse
        self.say: Say = say or _log.info
        self.phases = dict.fromkeys(("fetch", "normalize", "wait", "load"), 0.0)
        self.reports: dict[str, ResourceReport] = {}
        self.tallies: list[Tally] = []

    def load(self, connection: Connection) -> RunReport:
        """Read endpoint by endpoint, then load what could be read."""
        # a folder of its own: two runs of one pipeline would corrupt each other's, and what one left pending
        # would be loaded by the next in place of its own data
        with quiet(), tempfile.TemporaryDirectory(prefix="ecom_assets_") as folder:
            pipeline = dlt.pipeline(
                self.shop.name,
                pipelines_dir=folder,
                destination=self.warehouse.destination(),
                dataset_name=self.shop.name,
            )
            try:
                self._sync(connection, pipeline)
                with self._phase("fetch"):
                    for name in dict.fromkeys(self.shop.root_of(entry).name for entry in self.chosen):
                        self._read(connection, pipeline, self.shop.resource(name))
                if self.tallies:
                    self._store(connection, pipeline)
            finally:
                pipeline.deactivate()
        ordered = {resource.name: self.reports[resource.name] for resource in self.chosen}
        return RunReport(self.shop.name, ordered, self.phases)

    def _sync(self, connection: Connection, pipeline: dlt.Pipeline) -> None:
        """Learn the schema that the tables have, so that a column keeps the type it once got."""
        if not self.warehouse.path.exists():
            return
        with self._phase("wait"), self._clear(connection), self.warehouse.transaction(self.say):
            pipeline.sync_destination()

    def _read(self, connection: Connection, pipeline: dlt.Pipeline, endpoint: Resource) -> None:
        """Read an endpoint, and its children, for the chosen tables; one that fails is left out of the next try."""
        cuts = cut(self.shop, endpoint.name, self.windows)
        tables = [resource for resource in self.chosen if self.shop.root_of(resource).name == endpoint.name]
        while tables:
            through = dict.fromkeys(name for entry in tables for name in self.shop.read_through(entry))
            slices = {name: child_slices(self.shop.resource(name), cuts) for name in through}
            connection.meter.forget(part.id for parts in slices.values() for part in parts)
            tallies = {
                resource.name: Tally(resource, slices[self.shop.parent_of(resource).name])
                for resource in tables
            }
            contracts = {resource.name: self._contract(pipeline, resource) for resource in tables}
            order = Order(connection, slices, tallies, contracts, self.say)
            try:
                # an extraction that fails commits no package, so the ones before it stay as they are
                info = pipeline.extract(
                    build_source(self.shop, order).with_resources(*tallies),
                    loader_file_format="parquet",
                    workers=self.shop.policy.concurrency,
                )
                self._normalize(pipeline)
            except Exception as error:
                failure = failure_of(error, connection.redactor)
                for resource in failed_tables(self.shop, tables, error, failure):
                    self.say(f"{resource.name} failed: {failure}")
                    self._report(ResourceReport(resource.name, self._table(resource), error=failure))
                    tables.remove(resource)
                continue
            read = [part.id for parts in slices.values() for part in parts]
            unproved = [name for name in read if not connection.meter.of(name).complete]
            if unproved:
                raise IncompleteSlice(f"{unproved[0]}: dlt ended without having read it")
            for tally in tallies.values():
                self.tallies.append(tally)
                self._report(
                    ResourceReport(
                        tally.resource.name,
                        self._table(tally.resource),
                        tally.reports(connection.meter),
                        load_id=info.loads_ids[-1],
                        discarded=dict(tally.discarded),
                        preview=tuple(tally.preview),
                    )
                )
            return

    def _store(self, connection: Connection, pipeline: dlt.Pipeline) -> None:
        """Write rows, ledger and rejected rows in one transaction."""
        reports = [self.reports[tally.resource.name] for tally in self.tallies]
        with self._clear(connection):
            pipeline.extract(bookkeeping(self.shop, self.tallies, reports), loader_file_format="parquet")
            self._normalize(pipeline)
        began = time.monotonic()
        with self._clear(connection), self.warehouse.transaction(self.say) as warehouse:
            self.phases["wait"] += time.monotonic() - began
            with self._phase("load"):
                forget(warehouse, self.shop, self.tallies)
                pipeline.load(workers=1)

    def _normalize(self, pipeline: dlt.Pipeline) -> None:
        """Make the last package ready to load; one at a time, as the next extraction may add to the schema."""
        with self._phase("normalize"):
            pipeline.normalize(workers=1)

    def _contract(self, pipeline: dlt.Pipeline, resource: Resource) -> Contract:
        """Return the contract of a table, which also holds the columns that earlier loads added."""
        evolved: dict[str, Any] = {}
        schema = pipeline.schemas.get(self.shop.name)
        if schema is not None and resource.name in schema.tables:
            declared = {column.name for column in resource.columns}
            for name, column in schema.get_table_columns(resource.name).items():
                if name not in declared:
                    evolved[name] = evolved_column(name, column)
        return Contract(
            resource,
            self.shop.children_of(resource.name),
            evolved,
            timezone=self.shop.timezone_of(resource),
        )

    def _table(self, resource: Resource) -> str:
        return f"{self.shop.name}.{resource.name}"

    def _report(self, report: ResourceReport) -> None:
        self.reports[report.resource] = report

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] += time.monotonic() - began

    @contextmanager
    def _clear(self, connection: Connection) -> Iterator[None]:
        """Turn what dlt raises while it writes into one clear line."""
        try:
            yield
        except IngestError:
            raise
        except (PipelineStepFailed, DestinationException, duckdb.Error, OSError) as error:
            found = causes_of(error)[-1]
            text = connection.redactor.scrub(" ".join(str(found).split()))
            failure = WarehouseError(f"the warehouse {self.warehouse.path} was left as it was: {text}")
        else:
            return
        raise failure
