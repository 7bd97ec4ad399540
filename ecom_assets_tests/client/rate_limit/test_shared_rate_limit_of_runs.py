"""The rate limit of a shop over several processes that share a broker, at the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Empty
from typing import Any

import pytest

from ecom_assets_tests.support.loads.paced_workers import THREADS, workers
from ecom_assets_tests.support.servers.broker import Broker, broker
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen
from ecom_assets_tests.support.servers.loopback import api as api

PROCESSES = 3


@pytest.fixture
def shared() -> Iterator[Broker]:
    """Run a broker with a password."""
    with broker("p@ss/w:rd") as running:
        yield running


def arrivals(api: Loopback) -> list[float]:
    """Return the list that grows by the time of each request."""
    times: list[float] = []

    def answer(seen: Seen) -> Reply:
        times.append(time.monotonic())
        return Reply()

    api.answering = answer
    return times


def most(times: list[float], seconds: float) -> int:
    """Return the most that came in any window of so many seconds."""
    return max(sum(first <= at < first + seconds for at in times) for first in times)


def rest(failures: Any) -> list[str]:
    """Return what failed in the processes."""
    found = []
    while True:
        try:
            found.append(failures.get(timeout=0.2))
        except Empty:
            return found


@pytest.mark.parametrize("rate", [10.0, pytest.param(40.0, marks=pytest.mark.slow)])
def test_all_processes_share_one_budget(rate: float, api: Loopback, shared: Broker) -> None:
    """At the server no span holds more than the budget, but for one request that a busy machine held back in each."""
    times = arrivals(api)
    count = int(rate)
    with workers(PROCESSES, shared.url, api.base_url, count, requests_per_second=rate) as (started, failures):
        for process in started:
            process.join(60)
        assert rest(failures) == []
    assert len(times) == PROCESSES * count
    assert times[-1] - times[0] >= (PROCESSES * count - 1 - PROCESSES) / rate
    for seconds in (0.5, 1.0, 2.0):
        assert most(times, seconds) <= rate * seconds + 1 + PROCESSES, seconds


@pytest.mark.parametrize("rate", [None, pytest.param(80.0, marks=pytest.mark.slow)])
def test_a_pause_holds_the_workers_of_all_processes(
    rate: float | None, api: Loopback, shared: Broker
) -> None:
    """One is told, none sends before it is over, with a budget and without."""
    times: list[float] = []
    told = threading.Event()

    def answer(seen: Seen) -> Reply:
        times.append(time.monotonic())
        if not told.is_set() and len(times) == 20:
            told.set()
            return Reply(429, headers={"Retry-After": "1.5"})
        return Reply(delay=0.05)  # so that each worker has a request under way, and not many

    api.answering = answer
    with workers(PROCESSES, shared.url, api.base_url, 80, requests_per_second=rate) as (started, failures):
        for process in started:
            process.join(60)
        assert rest(failures) == []
    assert len(times) == PROCESSES * 80 + 1
    pause = times[19]
    # before anybody could know of the pause some came, and what each thread had a turn for may come late
    assert sum(pause + 0.4 <= at < pause + 1.5 for at in times) <= PROCESSES * THREADS
    assert sum(at >= pause + 1.5 for at in times) >= 10


def test_no_request_leaves_without_the_broker(api: Loopback, shared: Broker) -> None:
    """It is lost while three processes ask: each fails what it has not asked yet, with the line that says why."""
    times = arrivals(api)
    with workers(PROCESSES, shared.url, api.base_url, 20, requests_per_second=15.0) as (started, failures):
        while len(times) < 10:
            time.sleep(0.01)
        shared.stop()
        time.sleep(0.3)
        before = len(times)
        lines = []
        for process in started:
            while process.is_alive():
                lines += rest(failures)
        lines += rest(failures)
    assert len(times) == before
    assert len(times) + len(lines) == PROCESSES * 20
    assert set(lines) == {
        f"BrokerError: ECOM_BROKER: the broker at {shared.shown} cannot be asked for the rate limit of 'testshop': "
        "connection refused"
    }
