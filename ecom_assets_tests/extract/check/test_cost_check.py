"""`ecom-assets check` says how many requests a backfill and a day take, and how long at the rate limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ecom_assets.declaration.reading import Shop
from ecom_assets.extract.check.api_check import check
from ecom_assets_tests.support.servers.days_api import DAY, START, DaysApi
from ecom_assets_tests.support.servers.loopback import Loopback, serving


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as found:
        yield found


def cost(shop: Shop, days: int = 100) -> tuple[str, str]:
    """Return the result and the text about the cost of the first days."""
    found = [
        entry
        for entry in check(shop, now=START + days * DAY + timedelta(hours=2))
        if entry.what == "requests"
    ]
    return found[0].result, found[0].detail


def with_policy(shop: Shop, **fields: Any) -> Shop:
    return shop.model_copy(update={"policy": shop.policy.model_copy(update=fields)})


def test_a_backfill_of_joined_windows(server: Loopback) -> None:
    api = DaysApi(server, dict.fromkeys(range(100), 2))
    shop = api.shop(server.base_url)
    assert cost(shop) == (
        "ok",
        "a backfill of 100 windows in one run takes about 23 requests, an average day about 1",
    )
    assert cost(with_policy(shop, requests_per_second=20)) == (
        "ok",
        "a backfill of 100 windows in one run takes about 23 requests (about a second at 20 a second), "
        "an average day about 1 (about a second at 20 a second)",
    )


def test_an_api_that_refuses_long_intervals(server: Loopback) -> None:
    api = DaysApi(server, dict.fromkeys(range(100), 12))
    api.longest = 5
    assert cost(api.shop(server.base_url)) == (
        "ok",
        "a backfill of 100 windows in one run takes about 200 requests, an average day about 2",
    )


def test_an_api_without_a_total(server: Loopback) -> None:
    api = DaysApi(server, dict.fromkeys(range(100), 2))
    result, text = cost(api.shop(server.base_url, total_path=None))
    assert result == "skipped"
    assert text == "nobody knows how many requests a load takes: orders: the API reports no total"


def test_no_windows_cost_nothing(server: Loopback) -> None:
    api = DaysApi(server, {})
    found = check(api.shop(server.base_url), now=START + timedelta(hours=2))
    assert [entry for entry in found if entry.what == "requests"] == []
