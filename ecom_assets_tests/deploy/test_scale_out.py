"""Thirty windows on three Celery workers, one of them killed: rows, checks and the API's rate limit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ecom_assets.load.run import run_load
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from ecom_assets.sandbox import SANDBOX_KEY
from ecom_assets_tests.support.dagster.celery_tier import ScaledOut, scaled_out
from ecom_assets_tests.support.dagster.dagster_runs import SNAPSHOTS, WINDOWED, declare
from ecom_assets_tests.support.loads.forked_loads import shop_at, windows_from
from ecom_assets_tests.support.servers.logged_api import LoggedApi, logged_api, most
from ecom_assets_tests.support.warehouses.engines import Place

START = datetime(2026, 2, 1, tzinfo=timezone.utc)
WINDOWS = windows_from(START, START + timedelta(days=30))
NOW = WINDOWS[-1].end + timedelta(days=3)
ORDERS_PER_DAY = 60
WINDOWS_PER_RUN = 5
BUDGET = 4.0
WORKERS = 3
RUNS_AT_ONCE = 4  # the places of two workers: the third is killed

pytestmark = pytest.mark.slow


@pytest.fixture
def api() -> Iterator[LoggedApi]:
    """Serve the sandbox at a fixed instant."""
    with logged_api(ORDERS_PER_DAY, NOW) as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path, api: LoggedApi, place: Place) -> Iterator[ScaledOut]:
    """Run the workers, with a rate limit and several windows a run."""
    start = 'start: "2026-01-01"'
    shops = declare(
        tmp_path / "shops",
        (start, f"{start}, windows_per_run: {WINDOWS_PER_RUN}"),
        ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
        ("partitions:", f"policy: {{requests_per_second: {BUDGET}}}\npartitions:"),
    )
    settings = {
        "ECOM_SHOPS_DIR": str(shops),
        "ECOM_WAREHOUSE": place.where,
        "SOURCES__SANDBOX__API_KEY": SANDBOX_KEY,
        **{name: text for name, text in os.environ.items() if name.startswith("DESTINATION__")},
    }
    with scaled_out(tmp_path, WORKERS, RUNS_AT_ONCE, **settings) as running:
        yield running


def load_alone(place: Place) -> None:
    """Load the same in this process, without a rate limit."""
    with logged_api(ORDERS_PER_DAY, NOW) as api:
        for names, windows in ((SNAPSHOTS, ()), (WINDOWED, WINDOWS)):
            report = run_load(
                shop_at(api.base_url),
                names,
                windows,
                secrets={"api_key": SANDBOX_KEY},
                warehouse=place.warehouse(),
            )
            assert report.errors == {}


@pytest.mark.parametrize("new_place", ["postgres"], indirect=True)
def test_a_worker_is_killed_in_the_middle_of_a_backfill(
    cluster: ScaledOut, api: LoggedApi, place: Place, new_place: Callable[[], Place]
) -> None:
    tier = cluster.tier
    backfill = tier.backfill(WINDOWED, [window.partition_key for window in WINDOWS])
    snapshots = cluster.launch("sandbox_snapshots")
    # the daemon looks for backfills when it starts, and then twice a minute
    tier.start("host/ecom-daemon.service")

    died = tier.wait(180, lambda: cluster.kill_in_the_middle(backfill))
    assert "MaterializationEvent" not in {kind for kind, _ in cluster.events(died[0])}

    ended = ("COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")
    status = tier.wait(400, lambda: next((s for s in [cluster.status(backfill)] if s in ended), None))
    runs = {run.run_id: run for run in cluster.runs_of(backfill)}
    told = f"{status}: {sorted((run.status, run.run_id in died) for run in runs.values())}"
    assert status == "COMPLETED_SUCCESS", told
    assert [runs[run].status for run in died] == ["FAILURE"] * len(died), told
    again = {run.retry_of for run in runs.values() if run.status == "SUCCESS" and run.retry_of}
    assert again >= set(died), told
    assert [run.status for run in cluster.runs(runIds=[snapshots])] == ["SUCCESS"]
    # one run that succeeded for each part of the range
    ranges = [
        (tags[RANGE_START_TAG], tags[RANGE_END_TAG])
        for status, tags in tier.runs_of(backfill)
        if status == "SUCCESS"
    ]
    parts = [WINDOWS[first : first + WINDOWS_PER_RUN] for first in range(0, len(WINDOWS), WINDOWS_PER_RUN)]
    assert sorted(ranges) == [(part[0].partition_key, part[-1].partition_key) for part in parts], told
    assert "succeeded in" in "".join(log.read_text("utf-8") for log in tier.folder.glob("worker-*.log"))

    # those of a run looked at what was there at that time
    checks = {name: cluster.checks(name) for name in (*WINDOWED, *SNAPSHOTS)}
    keys = [
        {"assetKey": {"path": ["sandbox", name]}, "name": check} for name in checks for check in checks[name]
    ]
    assert len(keys) >= 3 * len(checks)
    last = cluster.launch("__ASSET_JOB", assetSelection=[], assetCheckSelection=keys)
    tier.wait(120, lambda: cluster.runs(runIds=[last])[0].status == "SUCCESS")
    for name in checks:
        for check, (verdict, description) in cluster.checks(name).items():
            assert verdict == "SUCCEEDED", f"{name}.{check}: {description}"

    times = api.arrivals()
    assert len(times) > len(WINDOWS) * 2
    for seconds in (1.0, 2.0, 5.0, 10.0):
        # a busy machine may hold back, in each run, one request that had its turn
        assert most(times, seconds) <= BUDGET * seconds + 1 + RUNS_AT_ONCE, seconds

    alone = new_place()
    load_alone(alone)
    assert len(place.table("orders")) > len(WINDOWS)
    assert place.tables() == alone.tables()
