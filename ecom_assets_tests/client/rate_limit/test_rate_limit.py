"""The rate limit of a run, by the clock: evenly spaced requests, and pauses that hold back all of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client import rate_limit
from ecom_assets.client.rate_limit import RateLimit


class Clock:
    """Replaces the clock; sleeping moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(rate_limit, "monotonic", lambda: self.now)
        monkeypatch.setattr(rate_limit, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_leave_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that was not used is not saved up."""
    clock = Clock(monkeypatch)
    budget = RateLimit(4)
    left = []
    for late in (0, 0, 0.125, 10, 0):
        clock.now += late
        assert budget.wait(60) == 0
        left.append(clock.now)
    assert left == [100, 100.25, 100.5, 110.5, 110.75]


@given(
    rate=st.sampled_from([0.5, 1, 3, 7.5, 40]) | st.none(),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5) | st.none()), max_size=30),
)
def test_any_traffic(rate: float | None, steps: list[tuple[float, float | None]]) -> None:
    """Whatever comes when, no second holds more than the budget, and no pause holds a request."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        budget = RateLimit(rate)
        left: list[float] = []
        over = 0.0
        for late, pause in steps:
            clock.now += late
            if pause is not None:
                budget.pause(pause)
                over = max(over, clock.now + pause)
            assert budget.wait(60) == 0
            left.append(clock.now)
            assert clock.now >= over - 1e-9
    if rate is not None:
        assert all(later - earlier >= 1 / rate - 1e-9 for earlier, later in pairwise(left))


def test_a_pause_that_comes_while_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that already waits for its turn, or for the end of a pause, waits longer."""
    clock = Clock(monkeypatch)
    budget = RateLimit(1)
    budget.wait(60)
    coming = [3.0, 2.0]

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if coming:
            budget.pause(coming.pop(0))

    monkeypatch.setattr(rate_limit, "sleep", sleep)
    assert budget.wait(60) == 0
    assert clock.now == 100 + 1 + 3 + 2


def test_a_shorter_pause_does_not_end_a_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The later end counts."""
    clock = Clock(monkeypatch)
    budget = RateLimit()
    budget.pause(10)
    budget.pause(2)
    budget.wait(60)
    assert clock.now == 110


def test_a_pause_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds left are returned at once; a slow rate limit is not a pause."""
    clock = Clock(monkeypatch)
    budget = RateLimit(0.01)
    budget.wait(60)
    budget.pause(61)
    assert budget.wait(60) == 61
    assert clock.now == 100
    clock.now += 1
    assert budget.wait(60) == 0
    assert clock.now == 200
