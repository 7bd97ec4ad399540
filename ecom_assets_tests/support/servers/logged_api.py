"""The sandbox API in a separate process, which reports when each request came."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import serving
from ecom_assets_tests.support.paths import ROOT


@dataclass(frozen=True)
class LoggedApi:
    """An API that answers at `base_url`."""

    base_url: str
    process: subprocess.Popen[str]

    def arrivals(self) -> list[float]:
        """Return when each request so far came, in seconds since 1970 UTC, in their order."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        times: list[float] = json.loads(self.process.stdout.readline())
        return times


@contextmanager
def logged_api(orders_per_day: int, now: datetime) -> Iterator[LoggedApi]:
    """Serve until the end of the block."""
    script = "from ecom_assets_tests.support.servers.logged_api import main; main()"
    command = [sys.executable, "-c", script, str(orders_per_day), now.isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            yield LoggedApi(process.stdout.readline().strip(), process)
        finally:
            process.kill()


def most(times: list[float], seconds: float) -> int:
    """Return the most requests that came in any span of so many seconds."""
    return max(sum(first <= at < first + seconds for at in times) for first in times)


def main() -> None:
    """Serve, print the address, and for each line of the standard input the times of all requests."""
    settings = SandboxSettings(orders_per_day=int(sys.argv[1]), now=datetime.fromisoformat(sys.argv[2]))
    with serving(settings) as running:
        print(running.base_url, flush=True)
        for _ in sys.stdin:
            print(json.dumps([request.time.timestamp() for request in running.log.requests]), flush=True)
