"""On Celery another worker soon retries the run of a killed worker, and a cancelled run stays cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from ecom_assets.definitions import defs
from ecom_assets_tests.support.dagster.dagster_runs import WINDOWED, declare, runs
from ecom_assets_tests.support.dagster.deployed_tier import Deployed, serving
from ecom_assets_tests.support.loads.whole_tables import dump

KEYS = [str(date(2026, 2, 1) + timedelta(days=number)) for number in range(60)]
TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"

pytestmark = pytest.mark.slow


@pytest.fixture
def tier(tmp_path: Path) -> Iterator[Deployed]:
    """Run two workers against a slow API; the daemon polls the runs every two seconds."""
    shops = declare(tmp_path / "shops", ("partitions:", "policy: {requests_per_second: 10}\npartitions:"))
    settings = {
        "ECOM_SHOPS_DIR": str(shops),
        "ECOM_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
        "ECOM_SANDBOX_ORDERS_PER_DAY": "20",
    }
    with serving("celery", tmp_path, workers=2, **settings) as running:
        file = tmp_path / "dagster/dagster.yaml"
        instance = yaml.safe_load(file.read_text("utf-8"))
        instance["run_monitoring"]["poll_interval_seconds"] = 2
        instance["run_launcher"]["config"]["silent_seconds"] = 3
        file.write_text(yaml.safe_dump(instance), "utf-8")
        yield running


def busy(tier: Deployed, backfill: str) -> tuple[str, str] | None:
    """Return a started run of a backfill and its worker, once the run has read something."""
    for status, tags in tier.runs_of(backfill):
        workers = [name for name in tier.processes if name.startswith("worker")]
        reading = [
            name for name in workers if f"{tags['id']} " in (log := tier.log(name)) and " slices" in log
        ]
        if status == "STARTED" and reading:
            return tags["id"], reading[0]
    return None


def test_a_killed_worker_s_run_is_run_again_and_a_cancelled_run_is_not(
    tier: Deployed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cancelled = tier.backfill(WINDOWED, KEYS)
    tier.start("host/ecom-daemon.service")
    run, _ = tier.wait(90, lambda: busy(tier, cancelled))
    tier.ask(TERMINATE, run=run)
    tier.wait(30, lambda: tier.runs_of(cancelled)[0][0] == "CANCELED")

    killed = tier.backfill(WINDOWED, KEYS)
    _, worker = tier.wait(90, lambda: busy(tier, killed))
    tier.kill(worker)
    # hours before max_runtime_seconds
    tier.wait(60, lambda: tier.runs_of(killed)[-1][0] == "FAILURE")
    tier.wait(90, lambda: [status for status, _ in tier.runs_of(killed)] == ["SUCCESS", "FAILURE"])

    with runs(tmp_path_factory.mktemp("single"), defs) as single:
        assert single.load(start=KEYS[0], end=KEYS[-1]).success
        assert dump(Path(tier.environment["ECOM_WAREHOUSE"])) == dump(single.file)
    assert [status for status, _ in tier.runs_of(cancelled)] == ["CANCELED"]
