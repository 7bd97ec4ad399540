"""The rate limit of a whole run, at the server: over all its workers, endpoints and tries."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest
import yaml

from ecom_assets.declaration.reading import Shop, load_shop
from ecom_assets.extract.windows import windows_between
from ecom_assets.load.run import RunReport, run_load
from ecom_assets.warehouse.duckdb.warehouse import DuckDbWarehouse
from ecom_assets_tests.orchestration.shops.test_isolation import declaration, page
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen
from ecom_assets_tests.support.servers.loopback import api as api

START = datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each window in a slice of its own, so that there is something to limit."""
    monkeypatch.setattr("ecom_assets.extract.slicing.joining.FEWEST_WINDOWS", 1000)


def shop_of(api: Loopback, folder: Path, **policy: object) -> Shop:
    """Return a shop of three endpoints, with eight workers."""
    document = yaml.safe_load(declaration("acme", api.base_url))
    document["policy"] |= {"timeout": 10, **policy}
    (folder / "acme.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return load_shop(folder / "acme.yaml")


def load(shop: Shop, folder: Path, days: int) -> RunReport:
    """Load so many windows of two endpoints."""
    assert shop.partitions
    windows = windows_between(shop.partitions, START, START + timedelta(days=days))
    assert len(windows) == days
    warehouse = DuckDbWarehouse(folder / "warehouse.duckdb")
    return run_load(shop, ["customers", "refunds"], windows, secrets={}, warehouse=warehouse)


def empty(seen: Seen) -> Reply:
    """Answer late, with an empty window."""
    quick = page(seen, data=[], total=0)
    return Reply(quick.status, quick.body, quick.headers, delay=0.02)


@pytest.mark.parametrize("rate", [5.0, pytest.param(12.0, marks=pytest.mark.slow)])
def test_the_budget_of_a_run(rate: float, api: Loopback, tmp_path: Path) -> None:
    """No second has more requests than allowed, however many workers there are and whatever fails."""
    times: list[float] = []

    def answer(seen: Seen) -> Reply:
        times.append(time.monotonic())
        return Reply(503, "busy") if len(times) % 5 == 0 else empty(seen)

    api.answering = answer
    days = ceil(rate)
    report = load(shop_of(api, tmp_path, requests_per_second=rate, max_retries=5), tmp_path, days)
    assert report.errors == {}
    assert len(times) > days * 2
    assert max(sum(first <= at < first + 1 for at in times) for first in times) <= ceil(rate) + 1
    assert sum(window.retries for entry in report.resources.values() for window in entry.windows) > 0


@pytest.mark.parametrize("rate", [None, pytest.param(100.0, marks=pytest.mark.slow)])
def test_a_pause_in_a_run(rate: float | None, api: Loopback, tmp_path: Path) -> None:
    """One of eight workers is told to pause: no request comes until the pause is over, and then all is read."""
    times: list[float] = []

    def answer(seen: Seen) -> Reply:
        times.append(time.monotonic())
        if len(times) == 10:
            return Reply(429, "slow down", {"Retry-After": "1"})
        return empty(seen)

    api.answering = answer
    report = load(shop_of(api, tmp_path, requests_per_second=rate), tmp_path, 24)
    assert report.errors == {}
    # 24 windows of two tables, the try again, and two to compare: all are empty in a first load
    assert len(times) == 51
    pause = times[9]
    assert [at - pause for at in times if pause + 0.3 <= at < pause + 1] == []
    assert max(later - first for first, later in pairwise(times)) >= 0.7
