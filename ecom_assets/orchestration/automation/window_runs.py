"""The runs that load windows of a shop: which are in progress, and how the last one of each window ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from ecom_assets.declaration.reading import Partitions
from ecom_assets.extract.windows import KEY_FORMATS, Window, window_at
from ecom_assets.foundation.intervals import Interval, Intervals
from ecom_assets.orchestration.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

_IN_PROGRESS = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]

MAX_ENDED_RUNS = 500
"""How many ended runs are looked at, the newest first."""


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended: its id, the time that it was to load, whether it succeeded, and when it ended (UTC)."""

    run_id: str
    interval: Interval
    succeeded: bool
    ended: datetime


class WindowRuns:
    """The runs of one shop's windows in a Dagster instance.

    A partition key of a run counts as the window that holds the instant which it names, whatever the cadence was.
    """

    def __init__(
        self, instance: DagsterInstance, partitions: Partitions, job: str, assets: set[AssetKey]
    ) -> None:
        """Read the runs.

        Args:
            instance: The Dagster instance.
            partitions: The windows that are declared now.
            job: The job that loads the windows.
            assets: The assets of all windowed resources. A run of other jobs counts if it loads all of them.
        """
        self._in_progress = Intervals()
        for run in instance.get_runs(RunsFilter(statuses=_IN_PROGRESS)):
            interval = _interval_of(run, partitions)
            if interval and (run.job_name == job or assets <= (run.asset_selection or frozenset())):
                self._in_progress.add(*interval)
        self._ended: list[EndedRun] = []
        self._failed, seen = Intervals(), Intervals()
        for record in instance.get_run_records(RunsFilter(job_name=job, statuses=_ENDED), MAX_ENDED_RUNS):
            interval = _interval_of(record.dagster_run, partitions)
            if interval:
                ended = record.end_time or record.update_timestamp.replace(tzinfo=timezone.utc).timestamp()
                succeeded = record.dagster_run.status is DagsterRunStatus.SUCCESS
                when = datetime.fromtimestamp(ended, timezone.utc)
                self._ended.append(EndedRun(record.dagster_run.run_id, interval, succeeded, when))
                for part in seen.add(*interval):
                    if not succeeded:
                        self._failed.add(*part)

    def is_in_progress(self, window: Window) -> bool:
        """Return whether a run loads a window, or is going to."""
        return self._in_progress.covers(window.start, window.end)

    def last_ended(self, window: Window) -> EndedRun | None:
        """Return the newest run of a window that has ended."""
        for run in self._ended:
            if run.interval[0] <= window.start and window.end <= run.interval[1]:
                return run
        return None

    def has_loaded(self, window: Window) -> bool:
        """Return whether the newest run of a window that has ended succeeded."""
        run = self.last_ended(window)
        return run is not None and run.succeeded

    def has_failed(self, window: Window) -> bool:
        """Return whether the newest run of a window ended without success."""
        return self._failed.overlaps(window.start, window.end)


def _interval_of(run: DagsterRun, partitions: Partitions) -> Interval | None:
    """Return the time of the windows that a run was asked to load, None if its tags name no windows."""
    tags: Mapping[str, str] = run.tags
    first = _instant(tags.get(RANGE_START_TAG) or tags.get(PARTITION_TAG))
    last = _instant(tags.get(RANGE_END_TAG) or tags.get(PARTITION_TAG))
    if first is None or last is None or first > last:
        return None
    return window_at(partitions, first).start, window_at(partitions, last).end


def _instant(key: str | None) -> datetime | None:
    """Return the instant that a partition key names, in UTC."""
    for form in dict.fromkeys(KEY_FORMATS.values()):
        try:
            return datetime.strptime(key or "", form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None
