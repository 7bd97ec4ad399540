"""The simulation of a backfill: what must hold for any coefficients."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plan import Plan, simulate, table

SMALL = Plan(shops=6, orders=600_000, days=90, windows_per_run=30, workers=3, start=1.0)


@given(st.integers(1, 12), st.integers(1, 40), st.floats(0.1, 50), st.integers(1, 8))
def test_no_plan_is_faster_than_its_limits(shops: int, workers: int, rate: float, writers: int) -> None:
    plan = replace(SMALL, shops=shops, workers=workers, requests_per_second=rate, writers=writers)
    outcome = simulate(plan)
    spent = sum(outcome.parts.values())
    assert outcome.seconds * workers >= spent * 0.999
    of_a_shop = plan.requests_of_a_run * plan.runs_of_a_shop / min(rate, plan.concurrency / plan.latency)
    assert outcome.seconds >= of_a_shop
    assert outcome.seconds * writers >= outcome.parts["writing"] * 0.999
    assert sum(share for _, share in outcome.shares(workers)) <= 1.001


def test_one_worker_does_one_thing_after_the_other() -> None:
    outcome = simulate(replace(SMALL, workers=1))
    assert outcome.seconds == pytest.approx(sum(outcome.parts.values()))
    assert outcome.parts["waiting"] == pytest.approx(0)


def test_more_workers_than_shops_wait_for_the_apis() -> None:
    assert simulate(replace(SMALL, workers=18)).seconds > 0.9 * simulate(replace(SMALL, workers=6)).seconds


def test_the_table_has_a_row_for_each_number_of_workers() -> None:
    lines = table(SMALL, [1, 4]).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["workers", "---:", "1", "4"]
    assert {line.count("|") for line in lines} == {8}
