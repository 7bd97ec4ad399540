"""What a run reports: for each window, for each table, and for the run as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from ecom_assets.client.read_statistics import ReadStatistics, SliceStatistics
from ecom_assets.contract.cursor_values import cursor_text
from ecom_assets.declaration.reading import Column, Resource, Shop
from ecom_assets.extract.load_metrics import LoadMetrics, windows_by_key
from ecom_assets.foundation.errors import IngestError, NotPublished, WindowsFailed
from ecom_assets.foundation.progress import OnProgress
from ecom_assets.load.plan import LoadPlan
from ecom_assets.load.read import Reading
from ecom_assets.load.unions import UnionReport


@dataclass(frozen=True)
class WindowReport:
    """What one load did for one window of one table, or for a snapshot, which has no window.

    `window_start` and `window_end` are in UTC. `source_total` is what the API said it had, None where it does not say
    or the rows are a nested list's. `seconds` is the wall time of reading. Tables of one endpoint share one reading,
    so requests, retries, restarts, seconds, ignored, masked and with_errors are the same in each. `ignored` counts the
    answers that a response action ignored, `masked` the texts of records in which a secret of the shop is masked,
    `with_errors` the answers that tell of errors which the declaration does not name.
    `confirmed_by` is what confirms that the list was read to its end: `total`, `end` or `nothing`.

    Only an open-ended resource has cursors: the field `cursor_path`, from where the load read, and from where the next
    one reads on. `cursor_held_by` is how many rejected records keep `cursor_to` where it is.
    """

    resource: str
    partition_key: str | None
    window_start: datetime | None
    window_end: datetime | None
    source_total: int | None
    fetched: int
    kept: int
    rejected: int
    requests: int
    retries: int
    restarts: int
    seconds: float
    ignored: int = 0
    cursor_path: str | None = None
    cursor_from: str | None = None
    cursor_to: str | None = None
    cursor_held_by: int = 0
    confirmed_by: str | None = None
    masked: int = 0
    with_errors: int = 0


@dataclass(frozen=True)
class ResourceReport:
    """What a run did for one table.

    With an `error`, nothing of the table was loaded and the other fields are empty. `failed_windows` are the failures
    of single windows by partition key; `windows` are the others, which were loaded. `discarded` counts the values of
    undeclared fields that were discarded, by field. `preview` are the first rows that were loaded, `previews`
    those of each window by partition key. `columns` are the
    columns of the table with their types. `widened` are those that got a wider type, each with a text such as
    `bigint became text`. `schema_changes` are the changes that the declaration asked for, by column; `*` is
    the table itself. `nested_lists` has, for each column in which an undeclared list of objects is JSON, the entry
    of a declaration that makes it a table.
    """

    resource: str
    table: str
    windows: tuple[WindowReport, ...] = ()
    error: IngestError | None = None
    load_id: str | None = None
    discarded: Mapping[str, int] = field(default_factory=dict)
    preview: tuple[dict[str, Any], ...] = ()
    previews: Mapping[str | None, pa.Table] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    widened: Mapping[str, str] = field(default_factory=dict)
    schema_changes: Mapping[str, str] = field(default_factory=dict)
    nested_lists: Mapping[str, str] = field(default_factory=dict)
    failed_windows: Mapping[str, IngestError] = field(default_factory=dict)

    @property
    def failure(self) -> IngestError | None:
        """Return the error of the whole table, or one error that names the windows that failed."""
        if self.error or not self.failed_windows:
            return self.error
        count = len(self.windows) + len(self.failed_windows)
        keys: dict[str, list[str]] = {}
        for key, error in self.failed_windows.items():
            keys.setdefault(str(error), []).append(key)
        named = "; ".join(f"{', '.join(of_one)}: {text}" for text, of_one in keys.items())
        return WindowsFailed(
            f"{len(self.failed_windows)} of {count} windows failed, the others were loaded: {named}"
        )


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    `resources` are the reports by resource, in the order of the declaration. `phases` are wall seconds of `fetch`,
    `stage`, `wait` (for the warehouse) and `load`. `unpublished` tells why the copy for readers lacks what was loaded.
    `unions` are the views over the loaded tables. `bytes_read` are the bytes of tables that the statements of the load
    have read, None if the engine does not tell.
    """

    shop: str
    resources: Mapping[str, ResourceReport]
    phases: Mapping[str, float]
    unpublished: NotPublished | None = None
    unions: tuple[UnionReport, ...] = ()
    bytes_read: int | None = None

    @property
    def errors(self) -> dict[str, IngestError]:
        """Return the failures by resource, also of those of which some windows were loaded."""
        return {name: report.failure for name, report in self.resources.items() if report.failure}


def resource_reports(
    plan: LoadPlan, reading: Reading, statistics: ReadStatistics
) -> dict[str, ResourceReport]:
    """Return the report of each planned table by resource, in the order of the declaration."""
    read = {table.metrics.resource.name: table for table in reading.tables}
    reports = {}
    for resource in plan.resources:
        name = resource.name
        if name in reading.failures:
            reports[name] = ResourceReport(
                name, _table_name(plan.shop, resource), error=reading.failures[name]
            )
        else:
            metrics = read[name].metrics
            reports[name] = ResourceReport(
                name,
                _table_name(plan.shop, resource),
                windows=tuple(
                    _with_cursor(window, metrics, plan) for window in window_reports(metrics, statistics)
                ),
                load_id=read[name].load_id,
                discarded=dict(metrics.discarded),
                preview=tuple(metrics.preview),
                previews=metrics.previews,
                columns=read[name].columns,
                nested_lists=read[name].nested_lists,
                failed_windows=read[name].failed_windows,
            )
    return reports


def window_reports(metrics: LoadMetrics, statistics: ReadStatistics) -> tuple[WindowReport, ...]:
    """Return a report for each window of a table.

    Where one slice has several windows, its requests, retries, restarts, ignored and seconds are in the report of the
    first one, so that sums over windows are right.
    """
    reports = []
    for part in metrics.slices:
        slice_statistics = statistics.of(part.id)
        for position, (key, window) in enumerate(windows_by_key(part)):
            cost = slice_statistics if position == 0 else SliceStatistics()
            counts = metrics.counts[key]
            # The API's total covers all that came, and part of that may lie outside the window. It was compared with
            # what came, so the window's share of it is what was fetched of the window.
            # Processing steps change the number of records, so the total says nothing about the rows.
            has_total = (
                metrics.resource.rows_from is None
                and not metrics.resource.processing_steps
                and slice_statistics.source_total is not None
            )
            reports.append(
                WindowReport(
                    resource=metrics.resource.name,
                    partition_key=key,
                    window_start=window.start if window else None,
                    window_end=window.end if window else None,
                    source_total=counts.fetched if has_total else None,
                    fetched=counts.fetched,
                    kept=counts.kept,
                    rejected=counts.rejected,
                    requests=cost.requests,
                    retries=cost.retries,
                    restarts=cost.restarts,
                    seconds=cost.seconds,
                    ignored=cost.ignored,
                    confirmed_by=slice_statistics.confirmed_by,
                    masked=cost.masked,
                    with_errors=cost.with_errors,
                )
            )
    return tuple(reports)


def say_what_holds_cursors(report: ResourceReport, on_progress: OnProgress) -> None:
    """Tell a person that rejected records keep the cursor of an open-ended table where it is."""
    for window in report.windows:
        if window.cursor_held_by:
            on_progress(
                f"{report.resource}: {window.cursor_held_by} rejected records hold the cursor at {window.cursor_to}; "
                "each load reads them again until they load"
            )


def _with_cursor(window: WindowReport, metrics: LoadMetrics, plan: LoadPlan) -> WindowReport:
    """Return the report of an open-ended reading with its cursors; any other one as it is."""
    progress = metrics.cursor
    if progress is None:
        return window
    return replace(
        window,
        cursor_path=".".join(progress.column.path),
        cursor_from=cursor_text(progress.start),
        cursor_to=progress.end(plan.began),
        cursor_held_by=progress.rejected,
    )


def _table_name(shop: Shop, resource: Resource) -> str:
    return f"{shop.name}.{resource.name}"
