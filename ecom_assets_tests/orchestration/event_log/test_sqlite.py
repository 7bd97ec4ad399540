"""The event log in batches: its rows equal Dagster's own, a batch is atomic, and no other writer's rows are lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy.exc
from dagster import AssetKey, DagsterEventType, DagsterInstance, EventLogEntry

import ecom_assets
from ecom_assets.orchestration.event_log.batches import BATCH_SIZE
from ecom_assets.orchestration.event_log.sqlite import BatchedEventLog
from ecom_assets_tests.support.dagster.range_runs import batches, materialise

OURS = Path(ecom_assets.__file__).with_name("dagster.yaml")

# what an event looks like beside its ids and times, and which event each row of the index belongs to
INDEX = {
    "events": "select dagster_event_type, asset_key, partition, step_key from event_logs order by id",
    "assets": "select k.asset_key, e.partition, json_extract(e.event, '$.dagster_event.event_type_value'), "
    "k.last_run_id = e.run_id, k.last_materialization_timestamp = e.timestamp, "
    "json_extract(k.last_materialization, '$.event_log_entry.timestamp') = json_extract(e.event, '$.timestamp') "
    "from asset_keys k join event_logs e on e.id = json_extract(k.last_materialization, '$.storage_id') order by 1",
    "tags": "select t.asset_key, e.partition, t.key, t.value, t.event_timestamp = e.timestamp "
    "from asset_event_tags t join event_logs e on e.id = t.event_id order by t.id",
    "checks": "select c.asset_key, c.check_name, c.partition, c.execution_status, c.run_id = e.run_id, "
    "e.dagster_event_type, c.evaluation_event = e.event, c.evaluation_event_timestamp = e.timestamp, "
    "(select m.partition from event_logs m where m.id = c.materialization_event_storage_id) "
    "from asset_check_executions c join event_logs e on e.id = c.evaluation_event_storage_id order by c.id",
}


@contextmanager
def opened(home: Path, ours: bool = True) -> Iterator[DagsterInstance]:
    """Open the instance of a folder, with our `dagster.yaml` or with Dagster's default storage."""
    home.mkdir(exist_ok=True)
    file = home / f"{os.getpid()}.yaml"
    file.write_text(OURS.read_text("utf-8") if ours else "telemetry: {enabled: false}\n", "utf-8")
    file.replace(home / "dagster.yaml")  # in one step: another process may be about to read it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))  # of no effect on Dagster's own
        with DagsterInstance.get() as instance:
            assert isinstance(instance.event_log_storage, BatchedEventLog) == ours
            yield instance


def index_of(home: Path) -> sqlite3.Connection:
    """Open the index file, which all runs share."""
    return sqlite3.connect(home / "history" / "runs" / "index.db")


def test_the_rows_are_those_that_dagsters_own_storage_writes(tmp_path: Path) -> None:
    found = []
    for ours in (True, False):
        home = tmp_path / f"ours-{ours}"
        with opened(home, ours) as instance:
            for start, end in (
                ("2026-01-01", "2026-01-05"),
                ("2026-01-01", "2026-01-01"),
                ("2026-01-02", "2026-01-03"),
            ):
                run_id = materialise(instance, start, end)
            assert instance.get_run_stats(run_id).materializations == 4
            log = [entry.dagster_event_type for entry in instance.all_logs(run_id)]
        with closing(index_of(home)) as connection:
            rows = {name: connection.execute(sql).fetchall() for name, sql in INDEX.items()}
        found.append((rows, log))
    assert all(rows for rows in found[0][0].values())
    for name in INDEX:
        assert found[0][0][name] == found[1][0][name]
    assert found[0][1] == found[1][1]


def test_results_of_checks_come_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of days has thousands of them: one by one, they took ten times as long as the load."""
    alone: list[EventLogEntry] = []

    def store_event(log: BatchedEventLog, event: EventLogEntry) -> None:
        alone.append(event)
        super(BatchedEventLog, log).store_event(event)

    monkeypatch.setattr(BatchedEventLog, "store_event", store_event)
    with opened(tmp_path) as instance:
        run_id = materialise(instance, "2026-01-01", "2026-01-31")
        kind = DagsterEventType.ASSET_CHECK_EVALUATION
        assert len(instance.all_logs(run_id, of_type=kind)) == 2 * (31 + 2)
    assert sum(event.dagster_event_type == kind for event in alone) == 4  # the results of all windows


def test_no_window_hides_another_in_the_list_of_materializations(tmp_path: Path) -> None:
    """The UI's list shows one event of a millisecond; here all were made at the same instant, in two batches."""
    with opened(tmp_path) as instance:
        run_id = materialise(instance, "2026-01-01", "2026-01-03")
        batch, _ = batches(instance, run_id, "another")
        at_once = [entry._replace(timestamp=1_795_000_000.25) for entry in batch]
        instance.event_log_storage.store_event_batch(at_once)
        instance.event_log_storage.store_event_batch(at_once)
        stored = [entry.timestamp for entry in instance.all_logs("another")]
    assert [int(at * 1000) - 1_795_000_000_000 for at in stored] == [250, 251, 252, 253, 254, 255]


def test_an_instance_may_change_to_batches_and_back(tmp_path: Path) -> None:
    run_ids = []
    for ours in (False, True, False):
        with opened(tmp_path, ours) as instance:
            run_ids.append(materialise(instance, "2026-01-04", "2026-01-06"))
            for run_id in run_ids:
                assert len(instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)) == 6
            days = instance.get_materialized_partitions(AssetKey("orders"))
    assert days == {"2026-01-04", "2026-01-05", "2026-01-06"}


def test_a_batch_that_fails_leaves_nothing_in_either_file(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        run_id = materialise(instance, "2026-01-04", "2026-01-06")
        batch, _ = batches(instance, run_id, "another")
        with closing(index_of(tmp_path)) as index:
            index.execute(
                "create trigger no before insert on asset_event_tags begin select raise(abort, 'full'); end"
            )
            before = index.execute("select count(*) from event_logs").fetchall()
            with pytest.raises(sqlalchemy.exc.DatabaseError, match="full"):
                instance.event_log_storage.store_event_batch(batch)
            assert index.execute("select count(*) from event_logs").fetchall() == before
            assert list(instance.all_logs("another")) == []
            index.execute("drop trigger no")
        instance.event_log_storage.store_event_batch(batch)
        assert [entry.timestamp for entry in instance.all_logs("another")] == [
            entry.timestamp for entry in batch
        ]


def test_threads_store_batches_side_by_side(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        run_id = materialise(instance, "2026-01-04", "2026-01-10")
        storage = instance.event_log_storage

        def store(name: str) -> None:
            for batch in batches(instance, run_id, name) * 5:
                storage.store_event_batch(batch)
                storage.store_event(batch[0])

        threads = [Thread(target=store, args=(f"run{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [len(instance.all_logs(f"run{number}")) for number in range(4)] == [80] * 4
        with closing(index_of(tmp_path)) as index:
            (count,) = index.execute("select count(*) from event_logs where run_id like 'run%'").fetchone()
        assert count == 4 * 80


@pytest.mark.slow
def test_processes_run_at_once_while_another_reads(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        materialise(instance, "2026-01-04", "2026-01-04")
        command = [sys.executable, "-m", __name__, str(tmp_path)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        while any(process.poll() is None for process in running):
            instance.get_materialized_partitions(AssetKey("orders"))
        run_ids = [run_id for process in running for run_id in process.communicate()[0].split()]
        assert [process.returncode for process in running] == [0, 0]
        for run_id in run_ids:
            assert len(instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)) == 62
        with closing(index_of(tmp_path)) as index:
            rows = index.execute(
                "select run_id, dagster_event_type, count(*) from event_logs where asset_key is not null group by 1, 2"
            ).fetchall()
    kinds = ("ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED")
    assert {row for row in rows if row[2] > 2} == {(id_, kind, 62) for id_ in run_ids for kind in kinds}


def test_the_file_of_make_turns_batches_on_and_a_user_may_set_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(OURS, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    code = (
        "import dagster, os\n"
        "dagster.DagsterInstance.get(); print(os.environ.pop('DAGSTER_EVENT_BATCH_SIZE'))\n"
        "os.environ['DAGSTER_EVENT_BATCH_SIZE'] = '7'\n"
        "dagster.DagsterInstance.get(); print(os.environ['DAGSTER_EVENT_BATCH_SIZE'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(BATCH_SIZE), "7"]
    assert (tmp_path / "history" / "runs" / "index.db").exists()


if __name__ == "__main__":
    with opened(Path(sys.argv[1])) as shared:
        print(*[materialise(shared, "2026-01-04", "2026-02-03") for _ in range(2)])
