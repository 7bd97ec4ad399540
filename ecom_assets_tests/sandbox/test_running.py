"""The sandbox's server: its request log, and how it starts and stops."""

from __future__ import annotations

import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import requests

from ecom_assets.sandbox.faults import Fault
from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving

NOW = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)


def get(sandbox: Running, path: str) -> requests.Response:
    """Ask with the key."""
    return requests.get(sandbox.base_url + path, params={"api_key": SANDBOX_KEY}, timeout=10)


def test_log() -> None:
    """Every request is logged with its query, headers, time and status."""
    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running:
        begun = datetime.now(timezone.utc)
        requests.get(
            f"{running.base_url}/v1/orders?api_key=a%20b&limit=&x=1&x=2", headers={"X-A": "é"}, timeout=9
        )
        get(running, "/v1/products")
        first, second = running.log.requests
        assert (first.method, first.path, first.status) == ("GET", "/v1/orders", 401)
        assert first.query == {"api_key": "a b", "limit": "", "x": "2"}
        assert first.headers["x-a"]
        assert begun <= first.time <= second.time <= datetime.now(timezone.utc)
        assert (second.status, running.log.max_in_flight) == (200, 1)
        running.log.clear()
        assert (running.log.requests, running.log.max_in_flight) == ([], 0)


def test_most_in_flight() -> None:
    """Requests at the same time are served at the same time, and counted."""
    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running:
        running.faults.slow(0.3, times=None)
        begun = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda _: get(running, "/v1/stores").ok, range(4)))
        assert time.monotonic() - begun < 1
        assert running.log.max_in_flight == 4


def test_answers_at_once() -> None:
    """An answer on an open connection does not wait 40 ms for the acknowledgement of its headers."""
    took = []
    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running, requests.Session() as session:
        for _ in range(31):
            begun = time.monotonic()
            session.get(f"{running.base_url}/v1/stores", timeout=10)
            took.append(time.monotonic() - begun)
    assert statistics.median(took) < 0.035


def test_stops_at_once() -> None:
    """The end of the block ends the server, also for clients that still wait for an answer."""
    errors: list[Exception] = []
    threads = set(threading.enumerate())

    def ask() -> None:
        try:
            get(running, "/v1/stores")
        except requests.ConnectionError as error:
            errors.append(error)

    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running:
        running.faults.slow(60)
        waiting = threading.Thread(target=ask)
        waiting.start()
        while not running.log.requests:
            time.sleep(0.01)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    waiting.join(5)
    assert len(errors) == 1
    with pytest.raises(requests.ConnectionError):
        get(running, "/v1/stores")
    assert set(threading.enumerate()) <= threads


def test_client_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    """A client that closes its connection before a late answer, or before a drop, disturbs nobody."""
    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running:
        running.faults.put(Fault(delay=0.3, drop=True))
        running.faults.slow(0.3)
        running.faults.slow(60)
        for _ in range(3):
            with pytest.raises(requests.ReadTimeout):
                requests.get(f"{running.base_url}/v1/stores", timeout=0.1)
        time.sleep(0.4)
        assert get(running, "/v1/stores").ok
    assert caplog.records == []


def test_port() -> None:
    """A port can be chosen; one in use or out of range is refused with a clear error."""
    with serving(SandboxSettings(orders_per_day=5, now=NOW)) as running:
        port = int(running.base_url.rpartition(":")[2])
        assert running.base_url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match=f"^port {port} of 127.0.0.1 is not available"), serving(port=port):
            pass
    with serving(SandboxSettings(orders_per_day=5, now=NOW), port=port) as running:
        assert get(running, "/v1/stores").ok
    with pytest.raises(OSError, match=r"^port 70000 of 127.0.0.1 is not available"), serving(port=70000):
        pass


def test_blocks_that_fail() -> None:
    """An error in the block propagates, and the server stops."""
    with pytest.raises(KeyError), serving(SandboxSettings(orders_per_day=5)) as running:
        raise KeyError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(running.base_url.rpartition(":")[2])))


def test_foreground() -> None:
    """In the foreground it prints its address, answers, and ends silently with Ctrl-C."""
    code = (
        "from ecom_assets.sandbox.server import serve_forever; import functools;"
        "serve_forever(announce=functools.partial(print, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with requests.Session() as session:
            assert session.get(f"{url}/v1/stores", params={"api_key": SANDBOX_KEY}, timeout=10).ok
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
