"""Dagster's launcher of runs on Celery workers, but for runs that are cancelled, and for those whose worker died.

Dagster's own says nothing when it ends a run, which then counts as failed and is started again; and it takes a run for
alive until the worker says that it ended, which a worker that was killed never does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dagster import DagsterRun, Field

# what a launcher tells of a run's health has no public names
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

REPLY_SECONDS = 5.0
"""How long workers have to say whether they know a task."""


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """Launches runs as Celery tasks; configured as `CeleryRunLauncher` is, and by `silent_seconds`."""

    def __init__(self, silent_seconds: int, **config: Any) -> None:
        """Take a run for dead whose log is silent for that long, and that no worker knows."""
        super().__init__(**config)
        self._silent_seconds = silent_seconds

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration."""
        own = Field(
            int, is_required=False, default_value=600, description="Silence of a dead run, in seconds."
        )
        inherited = super().config_type()
        assert isinstance(inherited, Mapping)
        return {**inherited, "silent_seconds": own}

    def terminate(self, run_id: str) -> bool:
        """End a run, which then is a cancelled one; returns False for one that has ended."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return how a run's worker is: failed, too, when the run is silent and no worker knows it.

        Either alone is no sign: a load may be silent for a while, and a worker that ends its last runs answers nobody.
        """
        health = super().check_run_worker_health(run)
        if health.status != WorkerStatus.RUNNING or not self._is_silent(run) or self._is_known(run):
            return health
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"silent for {self._silent_seconds} s, and no Celery worker knows the run"
        )

    def _is_silent(self, run: DagsterRun) -> bool:
        """Tell whether the last event of a run is long ago."""
        newest = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        return bool(newest) and time.time() - newest[0].timestamp > self._silent_seconds

    def _is_known(self, run: DagsterRun) -> bool:
        """Ask all workers whether one of them has the task of a run."""
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        replies = self.celery.control.inspect(timeout=REPLY_SECONDS).query_task(task)
        return any(task in known for known in (replies or {}).values())
