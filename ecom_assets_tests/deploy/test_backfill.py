"""A backfill on a deployed tier has runs as declared, and loads the same rows as one run in one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from ecom_assets_tests.support.dagster.dagster_runs import WINDOWED, declare, runs
from ecom_assets_tests.support.dagster.deployed_tier import Deployed, serving
from ecom_assets_tests.support.loads.whole_tables import Dump, dump

KEYS = [str(date(2026, 2, 1) + timedelta(days=number)) for number in range(30)]
CUT = ("2026-02-01 to 2026-02-12", "2026-02-13 to 2026-02-24", "2026-02-25 to 2026-03-02")
START = 'start: "2026-01-01"'

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Declare the sandbox with runs of 12 windows at most."""
    return declare(tmp_path_factory.mktemp("shops"), (START, f"{START}, windows_per_run: 12"))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, shops: Path) -> Dump:
    """Load the same windows in one run of one process."""
    with runs(tmp_path_factory.mktemp("single"), build_defs(shops)) as running:
        assert running.load(start=KEYS[0], end=KEYS[-1]).success
        return dump(running.file)


@pytest.fixture
def tier(tmp_path: Path, shops: Path) -> Iterator[Deployed]:
    """Run all processes of the tier on one machine except for the daemon. `test_scale_out` does so with workers."""
    settings = {
        "ECOM_SHOPS_DIR": str(shops),
        "ECOM_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
        "ECOM_SANDBOX_ORDERS_PER_DAY": "20",
    }
    with serving("host", tmp_path, workers=0, **settings) as running:
        yield running


def test_thirty_windows_are_three_runs_that_land_what_one_lands(tier: Deployed, single: Dump) -> None:
    backfill = tier.backfill(WINDOWED, KEYS)
    # the daemon looks for backfills when it starts, and then twice a minute
    tier.start("host/ecom-daemon.service")

    def ended() -> list[dict[str, str]] | None:
        found = tier.runs_of(backfill)
        assert not [status for status, _ in found if status in ("FAILURE", "CANCELED")], tier.logs()
        done = len(found) >= len(CUT) and all(status == "SUCCESS" for status, _ in found)
        return [tags for _, tags in found] if done else None

    ranges = sorted(f"{tags[RANGE_START_TAG]} to {tags[RANGE_END_TAG]}" for tags in tier.wait(180, ended))
    assert ranges == list(CUT)
    assert dump(Path(tier.environment["ECOM_WAREHOUSE"])) == single
