"""The change sensor of a shop: asks the API cheaply which closed windows have records, and requests their load.

See `ecom_assets.extract.probe` for how it asks the API, and `ecom_assets.orchestration.alerts` for the failure sensor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    Failure,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from ecom_assets.declaration.reading import Partitions, Shop
from ecom_assets.extract.changed_windows import changed_windows
from ecom_assets.extract.windows import Window, floor, window_at, windows_between
from ecom_assets.foundation.errors import IngestError
from ecom_assets.orchestration.jobs import AssetJob, job_name
from ecom_assets.orchestration.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG, range_tags
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.translator import asset_key

CURSOR_VERSION = 1

_IN_PROGRESS = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


def _now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(timezone.utc)


def change_sensor(
    shop: Shop, partitions: Partitions, job: AssetJob, clock: Callable[[], datetime] = _now
) -> SensorDefinition:
    """Return the sensor of a shop's windows.

    The sensor looks at each window once, after it closed, so that it misses no late change in a window. Its cursor is
    the end of the last window that it looked at. The first tick looks at the window that closed last; older ones take
    a backfill.

    Args:
        shop: The shop whose API the sensor asks.
        partitions: The shop's windows.
        job: The job that loads the windows.
        clock: Returns the current instant, aware. A test may stop the time with it.
    """

    @sensor(
        name=job_name(shop, "changes"),
        job=job,
        description=f"Requests a load of each closed window of {shop.name} that has changed records.",
        minimum_interval_seconds=300,
        default_status=DefaultSensorStatus.STOPPED,
        required_resource_keys={secrets_key(shop)},
    )
    def request_changed_windows(context: SensorEvaluationContext) -> SensorResult:
        return _evaluate_tick(context, shop, partitions, clock())

    return request_changed_windows


def _evaluate_tick(
    context: SensorEvaluationContext, shop: Shop, partitions: Partitions, now: datetime
) -> SensorResult:
    """Return the runs to request and the new cursor.

    Raises:
        Failure: The API cannot be asked. The cursor stays where it is, so the next tick asks again.
    """
    since = _cursor_instant(context.cursor, partitions, now)
    closed = windows_between(partitions, since, now)
    if not closed:
        open_window = window_at(partitions, max(now, partitions.start))
        return SensorResult(
            skip_reason=f"no window has closed since {since}; the next one closes at {open_window.end}"
        )
    secrets = getattr(context.resources, secrets_key(shop)).secrets
    try:
        changed = changed_windows(shop, since, now, secrets=secrets)
    except IngestError as error:
        raise Failure(description=str(error)) from None
    cursor = json.dumps({"version": CURSOR_VERSION, "looked_until": closed[-1].end.isoformat()})
    keys = {asset_key(shop, resource.name) for resource in shop.windowed_resources()}
    runs = _runs_in_progress(context.instance, job_name(shop, "windows"), keys)
    wanted = [window for window in changed if not any(_has_window(run, window) for run in runs)]
    if not wanted:
        reason = "a run in progress already loads all changes" if changed else "nothing changed"
        span = f"{closed[0].partition_key} to {closed[-1].partition_key}"
        return SensorResult(skip_reason=f"{reason} in the windows {span}", cursor=cursor)
    requests = [_run_request(shop, windows) for windows in contiguous_ranges(wanted)]
    return SensorResult(run_requests=requests, cursor=cursor)


def _cursor_instant(cursor: str | None, partitions: Partitions, now: datetime) -> datetime:
    """Return the instant of a cursor, in UTC; without a cursor the start of the window that closed last."""
    if not cursor:
        return window_at(partitions, floor(now, partitions.every) - timedelta(microseconds=1)).start
    try:
        content = json.loads(cursor)
        if content["version"] != CURSOR_VERSION:
            raise ValueError(content["version"])
        return datetime.fromisoformat(content["looked_until"]).astimezone(timezone.utc)
    except (ValueError, KeyError, TypeError):
        raise Failure(
            description=f"this sensor cannot read the cursor {cursor!r}: reset the cursor in the UI"
        ) from None


def _runs_in_progress(instance: DagsterInstance, job: str, keys: set[AssetKey]) -> list[DagsterRun]:
    """Return the runs that load all of these assets and have not ended."""
    runs = instance.get_runs(RunsFilter(statuses=_IN_PROGRESS))
    return [run for run in runs if run.job_name == job or keys <= (run.asset_selection or frozenset())]


def _has_window(run: DagsterRun, window: Window) -> bool:
    """Return whether a run loads a window; partition keys sort as their windows do."""
    key = window.partition_key
    start, end = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    return run.tags.get(PARTITION_TAG) == key or bool(start and end and start <= key <= end)


def contiguous_ranges(windows: Iterable[Window]) -> list[Sequence[Window]]:
    """Return windows as ranges without a gap, in order."""
    ranges: list[list[Window]] = []
    for window in sorted(windows, key=lambda window: window.start):
        if ranges and ranges[-1][-1].end == window.start:
            ranges[-1].append(window)
        else:
            ranges.append([window])
    return list(ranges)


def _run_request(shop: Shop, windows: Sequence[Window]) -> RunRequest:
    """Return the request of one run for windows without a gap. Its run key keeps Dagster from running them twice."""
    first, last = windows[0].partition_key, windows[-1].partition_key
    if first == last:
        return RunRequest(run_key=f"{shop.name}:{first}", partition_key=first)
    return RunRequest(run_key=f"{shop.name}:{first}...{last}", tags=range_tags(windows))
