"""On Celery a cancelled run stays cancelled. `test_scale_out` shows that the run of a killed worker is retried."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from ecom_assets_tests.support.dagster.dagster_runs import WINDOWED, declare
from ecom_assets_tests.support.dagster.deployed_tier import Deployed, serving

KEYS = [str(date(2026, 2, 1) + timedelta(days=number)) for number in range(60)]
POLLED = 2
"""How often the daemon looks at runs, in seconds."""
TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename } }"

pytestmark = pytest.mark.slow


@pytest.fixture
def tier(tmp_path: Path) -> Iterator[Deployed]:
    """Run a worker against a slow API; the daemon polls the runs every two seconds."""
    shops = declare(tmp_path / "shops", ("partitions:", "policy: {requests_per_second: 1}\npartitions:"))
    settings = {
        "ECOM_SHOPS_DIR": str(shops),
        "ECOM_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
        "ECOM_SANDBOX_ORDERS_PER_DAY": "20",
    }
    with serving("celery", tmp_path, workers=1, **settings) as running:
        file = tmp_path / "dagster/dagster.yaml"
        instance = yaml.safe_load(file.read_text("utf-8"))
        instance["run_monitoring"]["poll_interval_seconds"] = POLLED
        instance["run_launcher"]["config"]["silent_seconds"] = 3
        file.write_text(yaml.safe_dump(instance), "utf-8")
        yield running


def busy(tier: Deployed, backfill: str) -> str | None:
    """Return a started run of a backfill, once it has read something."""
    logs = [tier.log(name) for name in tier.processes if name.startswith("worker")]
    for status, tags in tier.runs_of(backfill):
        if status == "STARTED" and any(f"{tags['id']} " in log and " slices" in log for log in logs):
            return tags["id"]
    return None


def test_a_cancelled_run_is_not_run_again(tier: Deployed) -> None:
    cancelled = tier.backfill(WINDOWED, KEYS)
    tier.start("host/ecom-daemon.service")
    run = tier.wait(90, lambda: busy(tier, cancelled))
    tier.ask(TERMINATE, run=run)
    tier.wait(30, lambda: tier.runs_of(cancelled)[0][0] == "CANCELED")

    time.sleep(3 * POLLED)
    assert [status for status, _ in tier.runs_of(cancelled)] == ["CANCELED"]
