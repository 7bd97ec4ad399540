"""The Celery tier of `deploy/` with workers that a test may kill: its runs, and the process of each run.

See `ecom_assets_tests.support.dagster.deployed_tier` for how it starts processes and sends requests.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ecom_assets_tests.support.dagster.deployed_tier import Deployed, serving
from ecom_assets_tests.support.servers.broker import broker

_STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")
_LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
_RUNS = """
query ($filter: RunsFilter) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status parentRunId } } }
}
"""
_EVENTS = """
query ($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events { __typename ... on MessageEvent { message } } } }
}
"""
_BACKFILL = """
query ($backfill: String!) {
  partitionBackfillOrError(backfillId: $backfill) { ... on PartitionBackfill { status } }
}
"""
_CHECKS = """
query ($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode { assetChecksOrError { ... on AssetChecks {
    checks { name executionForLatestMaterialization { status evaluation { description } } }
  } } } }
}
"""


@dataclass(frozen=True)
class Run:
    """A run. `retry_of` is the id of the run that it retries, if any."""

    run_id: str
    status: str
    retry_of: str | None


@dataclass(frozen=True)
class ScaledOut:
    """Workers that share one queue, and their web server."""

    tier: Deployed

    def launch(self, job: str, **selection: Any) -> str:
        """Launch a run of a job over GraphQL, and return its id."""
        selector = {
            "repositoryLocationName": self._location(),
            "repositoryName": "__repository__",
            "pipelineName": job,
            **selection,
        }
        answer = self.tier.ask(_LAUNCH, params={"selector": selector, "mode": "default"})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def runs(self, **chosen: Any) -> list[Run]:
        """Return the runs that a filter of Dagster selects."""
        found = self.tier.ask(_RUNS, filter=chosen)["runsOrError"]["results"]
        return [Run(run["runId"], run["status"], run["parentRunId"]) for run in found]

    def runs_of(self, backfill: str) -> list[Run]:
        """Return the runs of a backfill."""
        return self.runs(tags=[{"key": "dagster/backfill", "value": backfill}])

    def status(self, backfill: str) -> str:
        """Return the status of a backfill."""
        return str(self.tier.ask(_BACKFILL, backfill=backfill)["partitionBackfillOrError"]["status"])

    def events(self, run_id: str) -> list[tuple[str, str]]:
        """Return the kind and the message of each event of a run."""
        found = self.tier.ask(_EVENTS, run=run_id)["logsForRun"]["events"]
        return [(event["__typename"], event.get("message", "")) for event in found]

    def checks(self, resource: str) -> dict[str, tuple[str, str]]:
        """Return the status and the description of each check of a resource by its name."""
        node = self.tier.ask(_CHECKS, asset={"path": ["sandbox", resource]})["assetNodeOrError"]
        found = {}
        for check in node["assetChecksOrError"]["checks"]:
            last = check["executionForLatestMaterialization"] or {"status": "NONE", "evaluation": None}
            found[check["name"]] = last["status"], (last["evaluation"] or {}).get("description") or ""
        return found

    def kill_in_the_middle(self, backfill: str) -> list[str] | None:
        """Kill a worker with a run of a backfill that has started and reported nothing yet, and no run of another kind.

        Returns the ids of the runs that die with it, that run first, or None if no worker has such a run now. The
        worker is stopped before it is looked at again, so that its runs report nothing meanwhile.
        """
        workers = {process.pid: name for name, process in self.tier.processes.items()}
        backfill_runs = self.runs_of(backfill)
        ids = {run.run_id for run in backfill_runs}
        for run in backfill_runs:
            group = self._group(run.run_id) if self._in_the_middle(run) else None
            if group not in workers:
                continue
            os.killpg(group, signal.SIGSTOP)
            (now,) = self.runs(runIds=[run.run_id])
            if self._in_the_middle(now):
                others = [other.run_id for other in self.runs(statuses=["STARTED"]) if other != now]
                died = [now.run_id, *(run_id for run_id in others if self._group(run_id) == group)]
                if ids.issuperset(died):
                    self.tier.kill(workers[group])
                    return died
            os.killpg(group, signal.SIGCONT)
        return None

    def _in_the_middle(self, run: Run) -> bool:
        kinds = {kind for kind, _ in self.events(run.run_id)} if run.status == "STARTED" else set()
        return "ExecutionStepStartEvent" in kinds and "MaterializationEvent" not in kinds

    def _group(self, run_id: str) -> int | None:
        """Return the group of processes of a run, which is that of its worker, or None if its process has ended."""
        for _, message in self.events(run_id):
            if started := _STARTED.match(message):
                with suppress(ProcessLookupError):
                    return os.getpgid(int(started[1]))
        return None

    def _location(self) -> str:
        query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
        (node,) = self.tier.ask(query)["repositoriesOrError"]["nodes"]
        return str(node["location"]["name"])


@contextmanager
def scaled_out(folder: Path, workers: int, at_once: int, **settings: str) -> Iterator[ScaledOut]:
    """Run the tier and the broker of the rate limit. The test starts the daemon.

    The daemon polls the runs every two seconds, and runs at most `at_once` of them in parallel.
    """
    with (
        broker() as rate_limit,
        serving("celery", folder, workers, ECOM_BROKER=rate_limit.url, **settings) as tier,
    ):
        file = folder / "dagster/dagster.yaml"
        instance = yaml.safe_load(file.read_text("utf-8"))
        instance["concurrency"]["runs"]["max_concurrent_runs"] = at_once
        instance["run_monitoring"] |= {"poll_interval_seconds": 2, "start_timeout_seconds": 60}
        instance["run_launcher"]["config"]["silent_seconds"] = 5
        file.write_text(yaml.safe_dump(instance), "utf-8")
        yield ScaledOut(tier)
