"""The change sensor of a shop: requests the closed windows that have changed records, until they are loaded.

See `ecom_assets.extract.changed_windows` for how it asks the API, `window_runs` beside this module for what it knows of
runs, and `alerts` for the failure sensor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from dagster import (
    AssetKey,
    DagsterInstance,
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
from ecom_assets.extract.changed_windows import ask_about
from ecom_assets.extract.windows import Window, floor, window_at, windows_between
from ecom_assets.foundation.errors import IngestError, WarehouseError
from ecom_assets.foundation.intervals import Intervals
from ecom_assets.load.ledger.coverage import loaded_time
from ecom_assets.orchestration.automation.jobs import AssetJob, job_name
from ecom_assets.orchestration.automation.sensor_cursor import SensorCursor
from ecom_assets.orchestration.automation.window_runs import WindowRuns
from ecom_assets.orchestration.partitions import range_tags
from ecom_assets.orchestration.resources import secrets_key
from ecom_assets.orchestration.translator import KeyOf, asset_key
from ecom_assets.warehouse.choice import warehouse_from_environment

BUDGET = 30.0
"""How many seconds of a tick the API is asked. Dagster ends a tick after 60."""
BACK_OFF = timedelta(hours=1)
"""How long a window is left alone after a run that did not load it."""

_LOCK_TIMEOUT = "5"
"""How many seconds a tick waits for a warehouse that another process has open."""


def _now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(timezone.utc)


def change_sensor(
    shop: Shop,
    partitions: Partitions,
    job: AssetJob,
    clock: Callable[[], datetime] = _now,
    key_of: KeyOf = asset_key,
) -> SensorDefinition:
    """Return the sensor of a shop's windows.

    The sensor looks at each window once, after it closed, so that it misses no late change in a window. It requests
    the windows that have records, and requests one again that its run did not load. By the ledger it also finds windows
    that are missing between the first one that was loaded and now. Before the first load, the first tick looks at the
    window that closed last; older ones take a backfill.

    Args:
        shop: The shop whose API the sensor asks.
        partitions: The shop's windows.
        job: The job that loads the windows.
        clock: Returns the current instant, aware. A test may stop the time with it.
        key_of: Returns the keys of the shop's assets.
    """
    keys = {key_of(shop, resource.name) for resource in shop.windowed_resources()}

    @sensor(
        name=job_name(shop, "changes"),
        job=job,
        description=f"Requests a load of each closed window of {shop.name} that has changed records.",
        minimum_interval_seconds=300,
        default_status=DefaultSensorStatus.STOPPED,
        required_resource_keys={secrets_key(shop)},
    )
    def request_changed_windows(context: SensorEvaluationContext) -> SensorResult:
        return _evaluate_tick(context, shop, partitions, keys, clock())

    return request_changed_windows


class _Ledger:
    """Which windows are loaded, going by the ledger."""

    def __init__(self, loaded: Mapping[str, Intervals] | None) -> None:
        """Take the loaded time by table; None if there is no ledger, or nobody can read it now."""
        self.known = loaded is not None
        self._loaded = loaded or {}

    def has(self, window: Window) -> bool:
        """Return whether all tables have a window."""
        return self.known and all(time.covers(window.start, window.end) for time in self._loaded.values())

    def lacks(self, window: Window) -> bool:
        """Return whether a table lacks a window, though it has an earlier one or a part of it.

        A table that was never loaded, such as a new one, takes a backfill.
        """
        return any(
            parts[0][0] < window.end and not time.covers(window.start, window.end)
            for time in self._loaded.values()
            if (parts := time.parts())
        )


def _evaluate_tick(
    context: SensorEvaluationContext,
    shop: Shop,
    partitions: Partitions,
    keys: set[AssetKey],
    now: datetime,
) -> SensorResult:
    """Return the runs to request and the new cursor.

    Raises:
        Failure: The API cannot be asked. The cursor stays where it is, so the next tick asks again.
    """
    before = SensorCursor.read(context.cursor)
    since = (
        before.looked_until
        or window_at(partitions, floor(now, partitions.every) - timedelta(microseconds=1)).start
    )
    ledger = _read_ledger(context, shop)
    runs = WindowRuns(context.instance, partitions, job_name(shop, "windows"), keys)
    closed = windows_between(partitions, partitions.start, now)
    new = [window for window in closed if window.end > since]
    missing = [
        window
        for window in closed
        if window.end <= since
        and not ledger.has(window)
        and (ledger.lacks(window) or runs.has_failed(window))
        and not before.unchanged.covers(window.start, window.end)
    ]
    if not new and not missing:
        open_window = window_at(partitions, max(now, partitions.start))
        return SensorResult(
            skip_reason=f"no window has closed since {since}; the next one closes at {open_window.end}"
        )
    # without the ledger, a run that succeeded is the best evidence
    to_load = [
        window for window in new if not (ledger.has(window) if ledger.known else runs.has_loaded(window))
    ]
    in_progress = {window for window in (*to_load, *missing) if runs.is_in_progress(window)}
    waiting = {
        window: reason
        for window in (*to_load, *missing)
        if window not in in_progress and (reason := _reason_to_wait(window, runs, before, now))
    }
    free = [window for window in (*to_load, *missing) if window not in in_progress and window not in waiting]
    # these were requested before, so there is no need to ask about them
    failed = [window for window in free if runs.has_failed(window)]
    questions = {
        # where the ledger tells, a window of which the former cadence loaded a part is asked about as a whole
        window: window
        if ledger.known or window.end <= since
        else replace(window, start=max(window.start, since))
        for window in free
        if window not in failed
    }
    secrets = getattr(context.resources, secrets_key(shop)).secrets
    try:
        answers = ask_about(shop, list(questions.values()), seconds=BUDGET, span=before.span, secrets=secrets)
    except IngestError as error:
        raise Failure(description=str(error)) from None
    changed = {window: answers.changed.get(question) for window, question in questions.items()}
    if answers.error and not failed and not any(answer is not None for answer in changed.values()):
        raise Failure(description=str(answers.error)) from None
    looked_until, stopped = since, None
    for window in new:
        if window in changed and changed[window] is None:
            stopped = window
            break
        looked_until = window.end
    wanted = [*failed, *(window for window, answer in changed.items() if answer)]
    unchanged = Intervals(before.unchanged.parts())
    for window, answer in changed.items():
        if answer is False and ledger.lacks(window):
            unchanged.add(window.start, window.end)
    again = {window.start: now for window in wanted if runs.last_ended(window)}
    kept = {start: at for start, at in before.again.items() if now - at < 2 * BACK_OFF}
    until = looked_until if new or before.looked_until else None
    cursor = SensorCursor(until, unchanged, {**kept, **again}, answers.span)
    if answers.error:
        context.log.warning(f"the API failed, the next tick goes on: {answers.error}")
    if wanted:
        for line in waiting.values():
            context.log.info(line)
        requests = [_run_request(context.instance, shop, part, now) for part in contiguous_ranges(wanted)]
        return SensorResult(run_requests=requests, cursor=cursor.text())
    reasons = list(waiting.values())[:5]
    if stopped or answers.error:
        at = stopped.partition_key if stopped else "older windows"
        failure = f": {answers.error}" if answers.error else f" within {BUDGET:g} s"
        reasons.append(f"the API was not asked about all windows{failure}; the next tick goes on with {at}")
    elif in_progress:
        reasons.append(f"a run in progress already loads all changes{_span(new or missing)}")
    elif new and not to_load:
        reasons.append(f"all is loaded already{_span(new)}")
    elif not reasons:
        reasons.append(f"nothing changed{_span(new or missing)}")
    return SensorResult(skip_reason="; ".join(reasons), cursor=cursor.text())


def _span(windows: Sequence[Window]) -> str:
    return f" in the windows {windows[0].partition_key} to {windows[-1].partition_key}"


def _read_ledger(context: SensorEvaluationContext, shop: Shop) -> _Ledger:
    """Return what the ledger knows. While the warehouse is in use for long, a tick goes on without it."""
    try:
        settings = {**os.environ, "ECOM_LOCK_TIMEOUT": _LOCK_TIMEOUT}
        return _Ledger(loaded_time(shop, warehouse_from_environment(settings)))
    except WarehouseError as error:
        context.log.info(f"this tick does not know which windows are loaded: {error}")
        return _Ledger(None)


def _reason_to_wait(window: Window, runs: WindowRuns, cursor: SensorCursor, now: datetime) -> str | None:
    """Return why a window is not requested yet, None if it may be.

    A window is requested again an hour after its last run ended, or after its last request by the sensor's own clock.
    A run that ended in the future, by another machine's clock, tells nothing.
    """
    run = runs.last_ended(window)
    if run is None:
        return None
    since = cursor.again.get(window.start) or (run.ended if run.ended <= now else None)
    if since is None or now >= since + BACK_OFF:
        return None
    result = "succeeded, but the ledger lacks it" if run.succeeded else "failed"
    return (
        f"{window.partition_key}: its run {run.run_id[:8]} {result}; "
        f"it is requested again at {since + BACK_OFF:%Y-%m-%d %H:%M} UTC"
    )


def contiguous_ranges(windows: Iterable[Window]) -> list[Sequence[Window]]:
    """Return windows as ranges without a gap, in order."""
    ranges: list[list[Window]] = []
    for window in sorted(windows, key=lambda window: window.start):
        if ranges and ranges[-1][-1].end == window.start:
            ranges[-1].append(window)
        else:
            ranges.append([window])
    return list(ranges)


def _run_request(
    instance: DagsterInstance, shop: Shop, windows: Sequence[Window], now: datetime
) -> RunRequest:
    """Return the request of one run for windows without a gap.

    Its run key keeps Dagster from running them twice. Dagster remembers the keys of all runs, also of those that
    failed, so windows that are requested again get another key.
    """
    first, last = windows[0].partition_key, windows[-1].partition_key
    run_key = f"{shop.name}:{first}" if first == last else f"{shop.name}:{first}...{last}"
    if instance.get_runs(RunsFilter(tags={"dagster/run_key": run_key}), limit=1):
        run_key = f"{run_key}@{now:%Y-%m-%dT%H:%M:%SZ}"
    if first == last:
        return RunRequest(run_key=run_key, partition_key=first)
    return RunRequest(run_key=run_key, tags=range_tags(windows))
