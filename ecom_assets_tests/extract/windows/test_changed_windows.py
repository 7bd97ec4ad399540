"""Windows that changed are found with few requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from ecom_assets.declaration.reading import BUNDLED_SHOPS, Shop, load_shop
from ecom_assets.extract.changed_windows import changed_windows
from ecom_assets.foundation.errors import ApiError, IngestError
from ecom_assets.sandbox import SANDBOX_KEY, SandboxSettings
from ecom_assets.sandbox.server import Running, serving

UTC = timezone.utc
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
SECRETS = {"api_key": SANDBOX_KEY}


@pytest.fixture
def sandbox() -> Iterator[Running]:
    """Serve a small sandbox at an instant that does not move."""
    with serving(SandboxSettings(orders_per_day=20, now=NOW)) as running:
        yield running


@pytest.fixture
def shop(sandbox: Running) -> Shop:
    """Return the shop at that address."""
    bundled = load_shop(BUNDLED_SHOPS / "sandbox.yaml")
    client = bundled.client.model_copy(update={"base_url": sandbox.base_url})
    return bundled.model_copy(update={"client": client})


def keys(shop: Shop, since: datetime) -> list[str]:
    """Return the keys of the windows that changed."""
    return [window.partition_key for window in changed_windows(shop, since, NOW, secrets=SECRETS)]


def test_the_windows_that_changed_since(shop: Shop, sandbox: Running) -> None:
    assert keys(shop, datetime(2026, 1, 8, 6, tzinfo=UTC)) == ["2026-01-08", "2026-01-09"]
    assert all(request.query["limit"] == "1" for request in sandbox.log.requests)
    assert len(sandbox.log.requests) == 2
    assert sandbox.log.requests[0].query["updated_at_min"] == "2026-01-08T06:00:00Z"


def test_no_window_closed_since_costs_nothing(shop: Shop, sandbox: Running) -> None:
    assert keys(shop, datetime(2026, 1, 10, tzinfo=UTC)) == []
    assert sandbox.log.requests == []


def test_many_windows_without_a_change_cost_one_question_each_endpoint(shop: Shop, sandbox: Running) -> None:
    sandbox.faults.answer('{"data": [], "total": 0}', times=None)
    assert keys(shop, datetime(2026, 1, 1, tzinfo=UTC)) == []
    assert len(sandbox.log.requests) == 2


def test_an_api_without_a_filter_cannot_be_asked(shop: Shop, sandbox: Running) -> None:
    resources = []
    for resource in shop.resources:
        if resource.endpoint and resource.endpoint.incremental:
            incremental = resource.endpoint.incremental.model_copy(update={"server_filter": False})
            endpoint = resource.endpoint.model_copy(update={"incremental": incremental})
            resource = resource.model_copy(update={"endpoint": endpoint})
        resources.append(resource)
    unfiltered = shop.model_copy(update={"resources": tuple(resources)})
    assert len(keys(unfiltered, NOW - timedelta(days=3))) == 3
    assert sandbox.log.requests == []


def test_a_shop_without_windows_never_changes(shop: Shop) -> None:
    assert changed_windows(shop.model_copy(update={"partitions": None}), NOW, NOW, secrets=SECRETS) == ()


def test_a_refusal_is_an_error(shop: Shop, sandbox: Running) -> None:
    sandbox.faults.fail(403, times=None)
    with pytest.raises(ApiError, match="status 403"):
        keys(shop, datetime(2026, 1, 9, tzinfo=UTC))


def test_a_sandbox_that_cannot_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOM_SANDBOX_ORDERS_PER_DAY", "many")
    with pytest.raises(
        IngestError, match="the sandbox cannot start: ECOM_SANDBOX_ORDERS_PER_DAY: found 'many'"
    ):
        changed_windows(load_shop(BUNDLED_SHOPS / "sandbox.yaml"), NOW - timedelta(days=2), NOW)
