"""Loads of a week that are killed at random moments, into places that are empty or have earlier windows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.warehouses.engines import Place

_EARLIER = 0.8


def kill_and_run_again(
    forked: Forks, base_url: str, fresh: Callable[[bool], Place], state: Callable[[Place], Any], kills: int
) -> None:
    """Kill loads: each must leave its place as it was or as it wanted it, and another load must complete it.

    Args:
        forked: The process that forks the loads.
        base_url: The API.
        fresh: Returns a place that nobody has used, empty or with the earlier windows.
        state: Returns all that counts of a place.
        kills: How many loads to kill before they have an effect. After each one that was killed too late, the next
            ones are killed earlier: the machine may be faster than it was for the load that was timed.
    """
    before, after, loading = [], [], 0.0
    for has_earlier in (False, True):
        place = fresh(has_earlier)
        before.append(state(place))
        pid = forked.load(base_url, place.where, WEEK)
        forked.heard(pid, "loading")
        began = time.monotonic()
        assert forked.end(pid) == (0, "")
        loading = time.monotonic() - began
        after.append(state(place))
    assert before[1] != after[1]
    chance, killed = random.Random(kills), 0
    while killed < kills:
        has_earlier = bool(killed % 2)
        place = fresh(has_earlier)
        pid = forked.load(base_url, place.where, WEEK)
        forked.heard(pid, "loading")
        time.sleep(chance.uniform(0, loading * 0.9))
        status, error = forked.end(pid, kill=True)
        assert (status, error) in ((-9, ""), (0, "")), error
        left = state(place)
        assert left in (before[has_earlier], after[has_earlier])
        if left == before[has_earlier]:
            assert status == -9
            killed += 1
        else:
            loading *= _EARLIER
        assert forked.end(forked.load(base_url, place.where, WEEK)) == (0, "")
        assert state(place) == after[has_earlier]
