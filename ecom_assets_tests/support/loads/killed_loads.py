"""Loads of a week that are killed at random moments, into places that are empty or have earlier windows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from ecom_assets_tests.support.loads.forked_loads import Forks
from ecom_assets_tests.support.loads.still_sandbox import WEEK
from ecom_assets_tests.support.warehouses.engines import Place


def kill_and_run_again(
    forked: Forks, base_url: str, fresh: Callable[[bool], Place], state: Callable[[Place], Any], kills: int
) -> None:
    """Kill loads: each must leave its place as it was or as it wanted it, and another load must complete it.

    Args:
        forked: The process that forks the loads.
        base_url: The API.
        fresh: Returns a place that nobody has used, empty or with the earlier windows.
        state: Returns all that counts of a place.
        kills: How many loads to kill. Loads that end before they are killed do not count. More than half of the
            killed ones must have had no effect.
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
    chance, killed, committed = random.Random(kills), 0, 0
    while killed < kills:
        has_earlier = bool(killed % 2)
        place = fresh(has_earlier)
        pid = forked.load(base_url, place.where, WEEK)
        forked.heard(pid, "loading")
        time.sleep(chance.uniform(0, loading * 0.9))
        status, error = forked.end(pid, kill=True)
        assert (status, error) in ((-9, ""), (0, "")), error
        killed += status == -9
        left = state(place)
        assert left in (before[has_earlier], after[has_earlier])
        committed += status == -9 and left == after[has_earlier]
        assert forked.end(forked.load(base_url, place.where, WEEK)) == (0, "")
        assert state(place) == after[has_earlier]
    assert committed < kills / 2, "the loads were killed too late to show anything"
