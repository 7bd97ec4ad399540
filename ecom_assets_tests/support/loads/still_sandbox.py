"""A sandbox whose clock stands still, and windows before that instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.server import Running, serving
from ecom_assets_tests.support.loads.forked_loads import windows_from

UTC = timezone.utc
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
WINDOWS = windows_from(datetime(2026, 1, 11, tzinfo=UTC), NOW)
WEEK = WINDOWS[-6:]
EARLIER = WINDOWS[1:5]
"""Four days, of which the week has the last two."""


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Serve as many orders a day as ORDERS_PER_DAY of the file of tests says, 40 unless it does."""
    orders = getattr(request.module, "ORDERS_PER_DAY", 40)
    with serving(SandboxSettings(orders_per_day=orders, now=NOW)) as running:
        yield running


@pytest.fixture
def sandbox(server: Running) -> Running:
    """Return the server without faults."""
    server.faults.clear()
    server.log.clear()
    return server
