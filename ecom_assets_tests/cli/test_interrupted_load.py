"""Ctrl-C and SIGTERM end `ecom-assets load`: with one line that tells what was loaded, and nothing loaded in part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecom_assets.load.run import run_load
from ecom_assets.load.staged_rows import StagedRows
from ecom_assets_tests.support.loads.commands import run_main
from ecom_assets_tests.support.servers.loopback import Reply, Seen
from ecom_assets_tests.support.servers.record_api import Records
from ecom_assets_tests.support.servers.record_api import records as records

STORES: dict[str, Any] = {
    "name": "stores",
    "endpoint": {"path": "/stores", "data_selector": "data", "paginator": "single_page"},
}
ORDER = {"id": 1, "updated_at": "2026-01-01T10:00:00Z"}
COMMAND = "import sys; from ecom_assets.cli.app import main; sys.argv[0] = 'ecom-assets'; main()"


@pytest.fixture
def file(records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Declare windowed orders and a snapshot of stores in a file, which is returned."""
    monkeypatch.setenv("ECOM_WAREHOUSE", records.place.where)
    monkeypatch.setenv("SOURCES__MYSHOP__API_KEY", "a-key")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    records.orders = [ORDER]
    records.windowed(more=[STORES])
    return tmp_path / "myshop.yaml"


def interrupting(records: Records, number: signal.Signals, path: str, process: int) -> None:
    """Send a signal to a process as soon as it asks for a path, which is never answered then."""
    answer = records.loopback.answering
    assert answer
    sent = threading.Event()

    def answering(seen: Seen) -> Reply:
        if seen.path.endswith(path):
            if not sent.is_set():
                sent.set()
                os.kill(process, number)
            return Reply(drop=True)
        return answer(seen)

    records.loopback.answering = answering


def ledger(records: Records) -> list[tuple[Any, ...]]:
    return records.rows("select resource, partition_key from load_ledger order by 1, 2")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_it_reads(
    records: Records,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
) -> None:
    records.loopback.answering = _stores_too(records)
    interrupting(records, number, "/orders", os.getpid())
    arguments = ("load", file, "orders", "stores", "--window", "2026-01-01...2026-01-02")
    ended, out, err = run_main(monkeypatch, capsys, *arguments)
    assert ended == code
    assert out == "stores: 1 rows loaded, 0 rejected\n"
    said = [line for line in err.splitlines() if ": a preview, " not in line]
    assert said[1:] == [
        f"error: interrupted by {number.name}: loaded: stores; not loaded: orders (2 windows, 2026-01-01 to "
        "2026-01-02). No table is loaded in part. Run the command again to go on"
    ]
    assert ledger(records) == [("stores", None)]


def test_while_it_writes(
    records: Records, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows of the step are not there afterwards, and neither is its ledger entry."""
    records.loopback.answering = _stores_too(records)
    run, sent = StagedRows.create_tables, list[None]()

    def interrupted(rows: StagedRows, *arguments: Any) -> None:
        run(rows, *arguments)
        if not sent:
            sent.append(None)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(StagedRows, "create_tables", interrupted)
    ended, out, err = run_main(
        monkeypatch, capsys, "load", file, "stores", "orders", "--window", "2026-01-01"
    )
    assert (ended, out) == (143, "")
    assert "loaded: nothing; not loaded: stores, orders (1 windows, 2026-01-01 to 2026-01-01)" in err
    assert "stores" not in records.place.tables()


def test_ctrl_c_ends_a_load_in_python(records: Records, file: Path) -> None:
    shop = records.shop(more=[STORES])
    interrupting(records, signal.SIGINT, "/orders", os.getpid())
    with pytest.raises(KeyboardInterrupt):
        run_load(shop, ["orders"], warehouse=records.place.warehouse(), secrets={"api_key": "a-key"})
    assert not Path(records.place.where).exists() or "orders" not in records.place.tables()


@pytest.mark.slow
@pytest.mark.parametrize("new_place", ["duckdb"], indirect=True)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_in_a_dagster_instance(
    records: Records, file: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    records.loopback.answering = _stores_too(records)
    arguments = ["load", str(file), "stores", "orders", "--window", "2026-01-01"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env=os.environ | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    interrupting(records, number, "/orders", process.pid)
    out, err = process.communicate()
    assert process.returncode == code
    assert out == "stores: 1 rows loaded, 0 rejected\n"
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: interrupted by {number.name}: loaded: stores; not loaded: orders (")
    assert "Traceback" not in err
    assert "DagsterExecutionInterruptedError" not in err
    assert ledger(records) == [("stores", None)]


def _stores_too(records: Records) -> Callable[[Seen], Reply]:
    """Answer `/stores` as `/orders`, with one record."""
    answer = records.loopback.answering
    assert answer

    def answering(seen: Seen) -> Reply:
        if seen.path.endswith("/stores"):
            return Reply(body='{"data": [{"id": 1}]}', headers={"Content-Type": "application/json"})
        return answer(seen)

    return answering
