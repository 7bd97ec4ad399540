"""Assets of others downstream of ours: Dagster's automation conditions see which windows were loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    AutomationCondition,
    DailyPartitionsDefinition,
    Definitions,
    asset,
    evaluate_automation_conditions,
)

from ecom_assets.orchestration.build_definitions import build_defs
from ecom_assets.sandbox.server import SANDBOX_KEY, SandboxSettings, serving
from ecom_assets_tests.support.dagster.dagster_runs import Runs, declare, runs

NOW = datetime.now(timezone.utc)
DAYS = [f"{NOW - timedelta(days=days):%Y-%m-%d}" for days in (4, 3, 2, 1)]
LAST_MINUTE = NOW - timedelta(minutes=1)
CRON = f"{LAST_MINUTE.minute} {LAST_MINUTE.hour} * * *"
"""A schedule whose tick is in the last two minutes."""
EACH_WINDOW = AutomationCondition.eager().without(AutomationCondition.in_latest_time_window())


def below_orders(
    name: str, condition: AutomationCondition[AssetKey], *, partitioned: bool
) -> AssetsDefinition:
    """Return an asset of somebody else, below the orders and by their days or as a whole."""

    @asset(
        name=name,
        deps=[AssetKey(["sandbox", "orders"])],
        partitions_def=DailyPartitionsDefinition(start_date=DAYS[0]) if partitioned else None,
        automation_condition=condition,
    )
    def below() -> None: ...

    return below


BELOW = [
    below_orders("eager", AutomationCondition.eager(), partitioned=True),
    below_orders("each_window", EACH_WINDOW, partitioned=True),
    below_orders("cron", AutomationCondition.on_cron(CRON), partitioned=True),
    below_orders("whole", AutomationCondition.eager(), partitioned=False),
]


@dataclass
class Automation:
    """Our shop with assets of others, and what Dagster would run next."""

    running: Runs
    cursor: object = None

    def requested(self, at: datetime) -> dict[str, set[str | None]]:
        """Evaluate the conditions, and return the partitions that are requested of each asset, None for a whole one."""
        result = evaluate_automation_conditions(
            defs=self.running.defs,
            instance=self.running.instance,
            asset_selection=AssetSelection.assets(*BELOW),
            evaluation_time=at,
            cursor=self.cursor,  # type: ignore[arg-type]
        )
        self.cursor = result.cursor
        keys = [key for definition in BELOW for key in definition.keys]
        found = {key.to_user_string(): set(result.get_requested_partitions(key)) for key in keys}
        return {name: partitions for name, partitions in found.items() if partitions}


@pytest.fixture
def automation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Automation]:
    monkeypatch.setenv("SOURCES__SANDBOX__API_KEY", SANDBOX_KEY)
    with serving(SandboxSettings(orders_per_day=5)) as api:
        folder = declare(
            tmp_path / "shops",
            ('base_url: "sandbox://"', f'base_url: "{api.base_url}"'),
            ('start: "2026-01-01"', f'start: "{DAYS[0]}"'),
        )
        defs = Definitions.merge(build_defs(folder), Definitions(assets=BELOW))
        with runs(tmp_path, defs) as running:
            yield Automation(running)


def test_each_loaded_window_is_seen_below(automation: Automation) -> None:
    """As Dagster documents them: eager and on_cron look at the newest window, and wait for what was never loaded."""
    assert automation.requested(NOW - timedelta(minutes=10)) == {}
    assert automation.running.load("orders", start=DAYS[0], end=DAYS[2]).success
    assert automation.requested(datetime.now(timezone.utc)) == {"each_window": set(DAYS[:3])}
    assert automation.running.load("orders", start=DAYS[3]).success
    assert automation.requested(datetime.now(timezone.utc)) == {
        "eager": {DAYS[3]},
        "each_window": {DAYS[3]},
        "cron": {DAYS[3]},
        "whole": {None},
    }
    assert automation.requested(datetime.now(timezone.utc)) == {}
    assert automation.running.load("orders", start=DAYS[1]).success, "a window that is loaded again"
    assert automation.requested(datetime.now(timezone.utc)) == {"each_window": {DAYS[1]}, "whole": {None}}
