"""The rate limit that a broker keeps, by the broker's clock to the microsecond."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.client.rate_limit import RateLimit
from ecom_assets.client.shared_rate_limit import SharedRateLimit, rate_limit_of
from ecom_assets_tests.support.examples import examples
from ecom_assets_tests.support.servers.broker import Broker, broker


@pytest.fixture(scope="module")
def shared() -> Iterator[Broker]:
    """Run a broker."""
    with broker() as running:
        yield running


def stored_time(shared: Broker, field: str, name: str = "acme") -> int:
    """Return an instant that the broker keeps for a shop, in microseconds."""
    with shared.client() as client:
        return int(client.hget(f"ecom_assets:pace:{name}", field) or 0)


def clear(shared: Broker) -> None:
    """Empty the broker."""
    with shared.client() as client:
        client.flushall()


@examples(0.25)
@given(
    rate=st.sampled_from([200.0, 500.0, 3000.0]),
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 0.004), st.floats(0, 0.01) | st.none()), max_size=12
    ),
)
def test_any_traffic_of_three_runs(
    shared: Broker, rate: float, steps: list[tuple[int, float, float | None]]
) -> None:
    """Whichever run asks when: no two requests are closer than the limit allows, and none leaves in a pause."""
    clear(shared)
    limits = [SharedRateLimit("acme", rate, shared.url) for _ in range(3)]
    interval = round(1e6 / rate)
    left: list[int] = []
    for run, late, pause in steps:
        time.sleep(late)
        if pause is not None:
            limits[(run + 1) % 3].pause(pause)
        assert limits[run].wait(60) == 0
        left.append(stored_time(shared, "turn") - interval)
        assert left[-1] >= stored_time(shared, "resume")
    assert all(later - earlier >= interval for earlier, later in pairwise(left))


def test_a_shorter_pause_does_not_end_a_longer_one(shared: Broker) -> None:
    clear(shared)
    first, second = (SharedRateLimit("acme", None, shared.url) for _ in range(2))
    began = time.monotonic()
    first.pause(0.3)
    second.pause(0.1)
    assert second.wait(60) == 0
    assert time.monotonic() - began >= 0.3


def test_a_pause_too_long_is_not_waited_for_by_any_run(shared: Broker) -> None:
    """The seconds left are returned at once; a slow rate limit is not a pause."""
    clear(shared)
    first, second = (SharedRateLimit("acme", 4, shared.url) for _ in range(2))
    first.pause(61)
    began = time.monotonic()
    assert 60 < second.wait(60) <= 61
    assert second.wait(60) < 61
    assert time.monotonic() - began < 0.2
    clear(shared)
    assert first.wait(0.1) == second.wait(0.1) == 0
    assert time.monotonic() - began >= 0.25


def test_shops_share_nothing(shared: Broker) -> None:
    clear(shared)
    began = time.monotonic()
    SharedRateLimit("acme", None, shared.url).pause(30)
    assert SharedRateLimit("other", 0.1, shared.url).wait(60) == 0
    assert SharedRateLimit("third", 0.1, shared.url).wait(60) == 0
    assert time.monotonic() - began < 5


def test_the_client_is_asked_for_by_the_variable_alone(shared: Broker) -> None:
    assert type(rate_limit_of("acme", 5, {})) is RateLimit
    assert type(rate_limit_of("acme", 5, {"ECOM_BROKER": ""})) is RateLimit
    assert type(rate_limit_of("acme", 5, {"ECOM_BROKER": shared.url})) is SharedRateLimit
