"""Dagster's run launcher for Celery workers, made reliable for cancelled runs and for workers that died.

Dagster's own launcher has two gaps. It does not record that it cancelled a run, so the run counts as failed and is
started again. It takes a run for alive until the worker reports its end, which a killed worker never does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dagster import DagsterRun, Field

# Dagster has no public names for the health of a run
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

REPLY_SECONDS = 5.0
"""How long workers have to say whether they know a task."""


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """Launches runs as Celery tasks. Its configuration is that of `CeleryRunLauncher`, and `silent_seconds`."""

    def __init__(self, silent_seconds: int, **config: Any) -> None:
        """Configure the launcher.

        Args:
            silent_seconds: A run counts as dead if it wrote no event for so long, and no worker knows it.
            **config: The configuration of `CeleryRunLauncher`.
        """
        super().__init__(**config)
        self._silent_seconds = silent_seconds

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the schema of the configuration."""
        own = Field(
            int,
            is_required=False,
            default_value=600,
            description="Seconds without an event after which a run that no worker knows counts as dead.",
        )
        inherited = super().config_type()
        assert isinstance(inherited, Mapping)
        return {**inherited, "silent_seconds": own}

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; returns False if it has ended already."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return the health of a run's worker; failed also when the run is silent and no worker knows it.

        Either alone proves nothing: a load may be silent for a while, and a worker that shuts down after its last runs
        answers no question.
        """
        health = super().check_run_worker_health(run)
        if health.status != WorkerStatus.RUNNING or not self._is_silent(run) or self._is_known(run):
            return health
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"no event for {self._silent_seconds} s, and no Celery worker knows the run"
        )

    def _is_silent(self, run: DagsterRun) -> bool:
        """Return whether the last event of a run is older than `silent_seconds`."""
        newest = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        return bool(newest) and time.time() - newest[0].timestamp > self._silent_seconds

    def _is_known(self, run: DagsterRun) -> bool:
        """Ask all workers whether one of them has the task of a run."""
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        replies = self.celery.control.inspect(timeout=REPLY_SECONDS).query_task(task)
        return any(task in tasks for tasks in (replies or {}).values())
