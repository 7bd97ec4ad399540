"""One run of one contestant: in an empty folder, against a server in its own process, with its tables compared."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import table_digests
from benchmarks.lineup import OWN, Contestant, Task
from benchmarks.measure import cpu_seconds_of, measure
from benchmarks.report import Result
from benchmarks.server import API_KEY

ROOT = Path(__file__).parents[1]
IN_FLIGHT = 8
"""Requests that a contestant may have in flight; the default of this project."""

_LOG_LINES = 15
"""Last lines of a failed run's log to print."""


class Server:
    """A running server of one task."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read the port that the process prints."""
        assert process.stdout
        self._pid = process.pid
        self._port = int(process.stdout.readline())
        self.url = f"http://127.0.0.1:{self._port}"

    def requests(self) -> int:
        """Return how many requests it has answered."""
        with closing(HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.request("GET", "/requests")
            return int(connection.getresponse().read())

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used."""
        return cpu_seconds_of(self._pid)


@contextmanager
def serving(folder: Path, latency: float) -> Iterator[Server]:
    """Serve the records of a folder until the end of the block, with `latency` seconds before each answer."""
    command = [sys.executable, "-m", "benchmarks.server", "--data", str(folder), "--latency", str(latency)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)  # it ends when its input is closed


def run(
    contestant: Contestant, task: Task, server: Server, python: Path, records: Path, timeout: float
) -> Result:
    """Run a contestant once against a server of the folder `records`, and compare its tables with them."""
    with tempfile.TemporaryDirectory(dir=records.parent, prefix="run-") as name:
        folder = Path(name)
        out, log = folder / "warehouse.duckdb", folder / "log.txt"
        command = [str(python), str(ROOT / "benchmarks" / "contestants" / contestant.script)]
        command += ["--url", server.url, "--api-key", API_KEY, "--out", str(out)]
        command += ["--start", f"{task.start:%Y-%m-%d}", "--days", str(task.days), "--step", str(task.step)]
        command += ["--in-flight", str(IN_FLIGHT)]
        requests, cpu = server.requests(), server.cpu_seconds()
        cost = measure(command, _environment(contestant, folder), folder, log, timeout)
        requests, cpu = server.requests() - requests, server.cpu_seconds() - cpu
        if cost.exit_code:
            problems = [f"failed with exit code {cost.exit_code}"]
            tail = log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
            print("\n".join(f"    {line}" for line in tail), flush=True)
        else:
            expected = table_digests.expected_digests(records, task.start, task.days)
            problems = table_digests.differences(
                expected, table_digests.found_digests(out, contestant.queries)
            )
    return Result(
        task.name, contestant.letter, **asdict(cost), requests=requests, server_cpu=cpu, problems=problems
    )


def clean_environment(place: Path) -> dict[str, str]:
    """Return an environment without any setting of the user, for a command of this project in a folder."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "HOME": str(place),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "ECOM_SHOPS_DIR": str(place / "shops"),
        "ECOM_WAREHOUSE": str(place / "warehouse.duckdb"),
    }


def _environment(contestant: Contestant, folder: Path) -> dict[str, str]:
    """Return an environment without any setting or cache of the user."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DO_NOT_TRACK": "1",
    }
    if contestant.environment == OWN:
        environment["PYTHONPATH"] = str(ROOT)
    return environment
