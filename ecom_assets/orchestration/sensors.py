"""The change sensor of a shop: it asks cheaply which closed windows hold anything, and requests those.

How the API is asked is `ecom_assets.extract.probe`'s; telling people of failed runs is `alerts`'s.
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
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG, range_tags
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.translator import asset_key

CURSOR_VERSION = 1
PARTITION_TAG = "dagster/partition"

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

    Its cursor is the end of the last window that it has dealt with, so that what changes late in a window is
    not missed: a window is looked at once, after it closed. The first tick looks at the window that closed
    last; older ones are a backfill's.
    """

    @sensor(
        name=job_name(shop, "changes"),
        job=job,
        description=f"Requests the windows of {shop.name} that closed and hold any change.",
        minimum_interval_seconds=300,
        default_status=DefaultSensorStatus.STOPPED,
        required_resource_keys={secrets_key(shop)},
    )
    def look(context: SensorEvaluationContext) -> SensorResult:
        return _tick(context, shop, partitions, clock())

    return look


def _tick(
    context: SensorEvaluationContext, shop: Shop, partitions: Partitions, now: datetime
) -> SensorResult:
    """Look once; raises Failure, which leaves the cursor where it is, when the API cannot be asked."""
    since = _since(context.cursor, partitions, now)
    closed = windows_between(partitions, since, now)
    if not closed:
        open_window = window_at(partitions, max(now, partitions.start))
        return SensorResult(
            skip_reason=f"no window has closed since {since}; the next does at {open_window.end}"
        )
    secrets = getattr(context.resources, secrets_key(shop)).secrets
    try:
        changed = changed_windows(shop, since, now, secrets=secrets)
    except IngestError as error:
        raise Failure(description=str(error)) from None
    cursor = json.dumps({"version": CURSOR_VERSION, "looked_until": closed[-1].end.isoformat()})
    keys = {asset_key(shop, resource.name) for resource in shop.windowed_resources()}
    runs = _runs_in_progress(context.instance, job_name(shop, "windows"), keys)
    wanted = [window for window in changed if not any(_covers(run, window) for run in runs)]
    if not wanted:
        reason = "a run in progress loads all that changed" if changed else "nothing changed"
        span = f"{closed[0].partition_key} to {closed[-1].partition_key}"
        return SensorResult(skip_reason=f"{reason} in the windows {span}", cursor=cursor)
    return SensorResult(run_requests=[_request(shop, part) for part in contiguous(wanted)], cursor=cursor)


def _since(cursor: str | None, partitions: Partitions, now: datetime) -> datetime:
    """Return the instant that a cursor stands for; without one the start of the window that closed last."""
    if not cursor:
        return window_at(partitions, floor(now, partitions.every) - timedelta(microseconds=1)).start
    try:
        content = json.loads(cursor)
        if content["version"] != CURSOR_VERSION:
            raise ValueError(content["version"])
        return datetime.fromisoformat(content["looked_until"]).astimezone(timezone.utc)
    except (ValueError, KeyError, TypeError):
        raise Failure(
            description=f"the cursor {cursor!r} is not one of this sensor: reset it in the UI"
        ) from None


def _runs_in_progress(instance: DagsterInstance, job: str, keys: set[AssetKey]) -> list[DagsterRun]:
    """Return the runs that load all of these assets and have not ended."""
    runs = instance.get_runs(RunsFilter(statuses=_IN_PROGRESS))
    return [run for run in runs if run.job_name == job or keys <= (run.asset_selection or frozenset())]


def _covers(run: DagsterRun, window: Window) -> bool:
    """Tell whether a window is among those of a run; partition keys sort as their windows do."""
    key = window.partition_key
    start, end = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    return run.tags.get(PARTITION_TAG) == key or bool(start and end and start <= key <= end)


def contiguous(windows: Iterable[Window]) -> list[Sequence[Window]]:
    """Return windows in groups without a gap, in order."""
    groups: list[list[Window]] = []
    for window in sorted(windows, key=lambda window: window.start):
        if groups and groups[-1][-1].end == window.start:
            groups[-1].append(window)
        else:
            groups.append([window])
    return list(groups)


def _request(shop: Shop, windows: Sequence[Window]) -> RunRequest:
    """Return the request of one run for windows without a gap; the same windows are requested once."""
    first, last = windows[0].partition_key, windows[-1].partition_key
    if first == last:
        return RunRequest(run_key=f"{shop.name}:{first}", partition_key=first)
    return RunRequest(run_key=f"{shop.name}:{first}...{last}", tags=range_tags(windows))
