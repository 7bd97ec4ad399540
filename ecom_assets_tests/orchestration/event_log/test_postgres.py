"""The event log in PostgreSQL: its rows equal Dagster's own, a batch that fails leaves nothing, threads may write."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy
from dagster import AssetKey, DagsterEventType, DagsterInstance

from ecom_assets.orchestration.event_log.batches import BATCH_SIZE
from ecom_assets.orchestration.event_log.postgres import BatchedPostgresEventLog
from ecom_assets_tests.support.dagster.range_runs import batches, materialise
from ecom_assets_tests.support.paths import ROOT

TIER = ROOT / "deploy" / "celery" / "dagster.yaml"
DAGSTERS_OWN = "storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}\n"
RUNS = (("2026-01-01", "2026-01-05"), ("2026-01-01", "2026-01-01"), ("2026-01-02", "2026-01-03"))


@contextmanager
def opened(home: Path, address: str, ours: bool = True) -> Iterator[DagsterInstance]:
    """Open an instance whose storage is a database, ours as the deployed tier has it or Dagster's own."""
    home.mkdir(exist_ok=True)
    storage = TIER.read_text("utf-8").split("\n\n")[1] if ours else DAGSTERS_OWN
    (home / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}\n", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_POSTGRES_URL", address)
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))
        with DagsterInstance.get() as instance:
            assert isinstance(instance.event_log_storage, BatchedPostgresEventLog) == ours
            yield instance


def rows_of(instance: DagsterInstance, sql: str) -> list[tuple[Any, ...]]:
    """Run a query on the database of an instance."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        return [tuple(row) for row in connection.execute(sqlalchemy.text(sql)).fetchall()]


def index_of(instance: DagsterInstance) -> dict[str, Any]:
    """Return what an event log has, without ids and times, and which event each row of the index belongs to."""
    found: dict[str, Any] = {
        "events": rows_of(
            instance, "select dagster_event_type, asset_key, partition, step_key from event_logs order by id"
        ),
        "tags": rows_of(
            instance,
            "select t.asset_key, e.partition, t.key, t.value, t.event_timestamp = e.timestamp "
            "from asset_event_tags t join event_logs e on e.id = t.event_id order by t.id",
        ),
        "checks": rows_of(
            instance,
            "select c.asset_key, c.check_name, c.partition, c.execution_status, c.run_id = e.run_id, "
            "e.dagster_event_type, c.evaluation_event = e.event, c.evaluation_event_timestamp = e.timestamp "
            "from asset_check_executions c join event_logs e on e.id = c.evaluation_event_storage_id order by c.id",
        ),
    }
    found["assets"] = []
    for key, newest, same_run in rows_of(
        instance,
        "select k.asset_key, k.last_materialization, k.last_run_id = (select run_id from event_logs e where "
        "e.asset_key = k.asset_key order by id desc limit 1) from asset_keys k order by 1",
    ):
        record = json.loads(newest)
        ((kind, partition),) = rows_of(
            instance,
            f"select dagster_event_type, partition from event_logs where id = {record['storage_id']}",
        )
        found["assets"].append((key, kind, partition, same_run))
    return found


def test_the_rows_are_those_that_dagsters_own_storage_writes(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    found, logs = [], []
    for ours in (True, False):
        with opened(tmp_path / f"ours-{ours}", new_database(), ours) as instance:
            run_id = [materialise(instance, start, end) for start, end in RUNS][-1]
            assert instance.get_run_stats(run_id).materializations == 4
            logs.append([entry.dagster_event_type for entry in instance.all_logs(run_id)])
            found.append(index_of(instance))
    assert all(found[0].values())
    for name in found[0]:
        assert found[0][name] == found[1][name]
    assert logs[0] == logs[1]


def test_one_connection_is_enough_for_a_run(tmp_path: Path, new_database: Callable[[], str]) -> None:
    with opened(tmp_path, new_database()) as instance:
        engine = instance.event_log_storage._engine  # type: ignore[attr-defined]
        opened_connections: list[object] = []
        statements: list[str] = []
        sqlalchemy.event.listen(engine, "connect", lambda *given: opened_connections.append(given))
        sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        materialise(instance, "2026-01-01", "2026-01-31")
        assert len(opened_connections) <= 1
        # 62 windows: Dagster's own sends more than two for each
        assert len(statements) < 130


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path, new_database: Callable[[], str]) -> None:
    with opened(tmp_path, new_database()) as instance:
        run_id = materialise(instance, "2026-01-04", "2026-01-06")
        batch, _ = batches(instance, run_id, "another")
        storage: Any = instance.event_log_storage
        with storage.index_connection() as connection:
            connection.execute(sqlalchemy.text("alter table asset_event_tags rename to kept"))
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="asset_event_tags"):
            storage.store_event_batch(batch)
        assert list(instance.all_logs("another")) == []
        with storage.index_connection() as connection:
            connection.execute(sqlalchemy.text("alter table kept rename to asset_event_tags"))
        storage.store_event_batch(batch)
        assert [entry.timestamp for entry in instance.all_logs("another")] == [
            entry.timestamp for entry in batch
        ]


def test_threads_store_batches_side_by_side(tmp_path: Path, new_database: Callable[[], str]) -> None:
    with opened(tmp_path, new_database()) as instance:
        run_id = materialise(instance, "2026-01-04", "2026-01-10")
        storage = instance.event_log_storage
        failures: list[BaseException] = []

        def store(name: str) -> None:
            try:
                for batch in batches(instance, run_id, name) * 5:
                    storage.store_event_batch(batch)
                    storage.store_event(batch[0])
            except BaseException as error:
                failures.append(error)

        threads = [Thread(target=store, args=(f"run{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert [len(instance.all_logs(f"run{number}")) for number in range(4)] == [80] * 4


def _days_seen(storage: BatchedPostgresEventLog, found: Any) -> None:
    found.put(sorted(storage.get_materialized_partitions(AssetKey("orders"))))


def test_a_forked_process_has_connections_of_its_own(tmp_path: Path, new_database: Callable[[], str]) -> None:
    with opened(tmp_path, new_database()) as instance:
        materialise(instance, "2026-01-04", "2026-01-05")
        fork = multiprocessing.get_context("fork")
        found = fork.Queue()
        child = fork.Process(target=_days_seen, args=(instance.event_log_storage, found))
        child.start()
        assert found.get(timeout=20) == ["2026-01-04", "2026-01-05"]
        child.join(20)
        run_id = materialise(instance, "2026-01-06", "2026-01-06")  # the parent's connection still works
        assert instance.all_logs(run_id, of_type=DagsterEventType.RUN_SUCCESS)
