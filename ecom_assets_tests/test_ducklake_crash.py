"""A load into a lake that is killed at any moment leaves the tables as they were, or as it wanted them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.engines import Place
from ecom_assets_tests.forked_loads import Forks, forks, windows_from

UTC = timezone.utc
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
WEEK = windows_from(datetime(2026, 1, 14, tzinfo=UTC), NOW)
EARLIER = windows_from(datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 1, 16, tzinfo=UTC))
KILLS = 6


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve 120 orders a day at an instant that does not move."""
    with serving(SandboxSettings(orders_per_day=120, now=NOW)) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("catalog", ["postgres", "sqlite"])
def test_killed_at_random_moments_and_run_again(
    sandbox: Running, new_lake: Callable[..., Place], tmp_path: Path, catalog: str
) -> None:
    def lake(number: int) -> Place:
        # every other one has been loaded before
        address = "" if catalog == "postgres" else f"sqlite:///{tmp_path}/{number}.sqlite"
        return new_lake(CATALOG=address)

    lakes = [lake(number) for number in range(KILLS + 2)]
    with forks(tmp_path) as forked:
        before, after, loading = [], [], 0.0
        for number, place in enumerate(lakes):
            if number % 2:
                assert forked.end(forked.load(sandbox.base_url, place.where, EARLIER)) == (0, "")
            if number < 2:
                before.append(tables(place))
                pid = forked.load(sandbox.base_url, place.where, WEEK)
                forked.heard(pid, "loading")
                began = time.monotonic()
                assert forked.end(pid) == (0, "")
                loading = time.monotonic() - began
                after.append(tables(place))
        assert before[1] != after[1]
        killed = unfinished = 0
        for number, place in enumerate(lakes[2:]):
            left = killed_load(
                forked, sandbox.base_url, place, random.Random(number).uniform(0, loading * 0.9)
            )
            killed += left is not None
            unfinished += tables(place) == before[number % 2]
            assert tables(place) in (before[number % 2], after[number % 2])
            assert forked.end(forked.load(sandbox.base_url, place.where, WEEK)) == (0, "")
            assert tables(place) == after[number % 2]
    assert unfinished > KILLS / 2, "the loads were killed too late to show anything"


def killed_load(forked: Forks, base_url: str, place: Place, seconds: float) -> int | None:
    """Kill a load some time after it has begun to write, and return its status, None if it had ended before."""
    pid = forked.load(base_url, place.where, WEEK)
    forked.heard(pid, "loading")
    time.sleep(seconds)
    status, error = forked.end(pid, kill=True)
    assert (status, error) in ((-9, ""), (0, "")), error
    return status or None


def tables(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows; of the ledger only once what a load that was killed after its commit wrote twice."""
    if not place.warehouse().exists():
        return {}
    found = place.tables()
    return {name: sorted(set(rows), key=repr) for name, rows in found.items()}
