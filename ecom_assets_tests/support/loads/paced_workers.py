"""Processes that ask a server over sessions of their own, as runs on several machines would."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

from ecom_assets_tests.support.servers.loopback import session_to, shop_at

THREADS = 4


def _work(broker: str, base_url: str, policy: dict[str, Any], count: int, ready: Any, failures: Any) -> None:
    """Ask `count` times, from several threads, as soon as all others are there too."""
    os.environ["ECOM_BROKER"] = broker
    with (
        closing(session_to(shop_at(base_url, **policy))) as session,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        ready.wait(60)

        def ask(number: int) -> str:
            try:
                session.get(f"{base_url}/things", params={"n": number})
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            return ""

        for failure in threads.map(ask, range(count)):
            if failure:
                failures.put(failure)


@contextmanager
def workers(
    processes: int, broker: str, base_url: str, count: int, **policy: Any
) -> Iterator[tuple[list[Any], Any]]:
    """Start processes that ask so many times each; yields them, and the queue of what failed, once they begin."""
    # forked from a process that has imported everything and has no thread of the tests'
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ready, failures = context.Barrier(processes + 1), context.Queue()
    order = (broker, base_url, policy, count, ready, failures)
    started = [context.Process(target=_work, args=order) for _ in range(processes)]
    try:
        for process in started:
            process.start()
        ready.wait(60)
        yield started, failures
    finally:
        for process in started:
            if process.is_alive():
                process.kill()
            process.join()
