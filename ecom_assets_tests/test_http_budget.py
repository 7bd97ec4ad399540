"""The request budget: requests leave evenly spaced, over all threads and tries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from ecom_assets.ingest import signing
from ecom_assets.ingest.signing import Budget
from ecom_assets_tests.loopback import Reply, serving, session_to, shop_at


def test_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests leave evenly spaced; time that was not used is not saved up."""
    now = 100.0
    left: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(signing, "sleep", sleep)
    monkeypatch.setattr(signing, "monotonic", lambda: now)
    budget = Budget(4)
    for pause in (0, 0, 0.125, 10, 0):
        now += pause
        budget.wait()
        left.append(now)
    assert left == [100, 100.25, 100.5, 110.5, 110.75]


def test_budget_is_shared_and_counts_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share one budget, from which every try takes."""
    turns: list[float] = []
    monkeypatch.setattr(signing, "sleep", turns.append)
    monkeypatch.setattr(signing, "monotonic", lambda: 50.0)
    with serving() as api, closing(session_to(shop_at(api.base_url, requests_per_second=10.0))) as session:
        api.replies = [Reply(503, headers={"Retry-After": "0"}), Reply()]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: session.get(f"{api.base_url}/things"), range(4)))
    assert sorted(turns) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
