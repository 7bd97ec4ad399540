"""The sandbox over real HTTP: the key, what is refused, and how pages add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving

NOW = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)
DAY = {"updated_at_min": "2026-01-05T00:00:00Z", "updated_at_max": "2026-01-06T00:00:00Z"}
PATHS = ("/v1/customers", "/v1/products", "/v1/orders", "/v1/stores")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    """Serve a small shop whose clock stands still."""
    with serving(SandboxSettings(orders_per_day=60, now=NOW)) as running:
        yield running


def get(sandbox: Running, path: str, **params: Any) -> requests.Response:
    """Ask with the key."""
    return requests.get(sandbox.base_url + path, params={"api_key": SANDBOX_KEY, **params}, timeout=10)


def pages(sandbox: Running, path: str, limit: int, **params: Any) -> list[dict[str, Any]]:
    """Return all records, read page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        answer = get(sandbox, path, limit=limit, offset=len(rows), **params).json()
        rows += answer["data"]
        if len(rows) >= answer["total"]:
            return rows


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?api_key=", "?api_key=wrong"])
def test_key_is_wanted(sandbox: Running, path: str, query: str) -> None:
    """A missing or wrong key is refused, with an error in JSON."""
    answer = requests.get(sandbox.base_url + path + query, timeout=10)
    assert answer.status_code == 401
    assert "api_key" in answer.json()["error"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/order", "/v1/orders/1001", "/v2/orders"])
def test_unknown_path(sandbox: Running, path: str) -> None:
    """Any other path is a 404, also in JSON."""
    answer = get(sandbox, path)
    assert answer.status_code == 404
    assert answer.json() == {"error": f"GET {path}: Not Found"}


def test_other_methods(sandbox: Running) -> None:
    """Records can be read only."""
    answer = requests.post(f"{sandbox.base_url}/v1/orders", params={"api_key": SANDBOX_KEY}, timeout=10)
    assert answer.status_code == 405
    assert answer.json() == {"error": "POST /v1/orders: Method Not Allowed"}
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", value) for value in ("0", "251", "-1", "1.5", "ten", "", "٣", "9" * 5000)),
        *(("offset", value) for value in ("-1", "1.0", "", "x")),
        *(("updated_at_min", value) for value in ("", "yesterday", "2026-02-30", "1767225600")),
        ("updated_at_max", "2026-01-01T00:00:00 02:00"),
    ],
)
def test_wrong_parameter(sandbox: Running, name: str, value: str) -> None:
    """A wrong parameter is refused by its name."""
    answer = get(sandbox, "/v1/orders", **{name: value})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{name}: found '")


def test_limits(sandbox: Running) -> None:
    """A page has 50 records unless told otherwise, 250 at most, and none beyond the end."""
    total = get(sandbox, "/v1/orders").json()["total"]
    assert 60 * 9 < total < 60 * 10
    for params, expected in (({}, 50), ({"limit": 1}, 1), ({"limit": 250}, 250), ({"offset": total - 7}, 7)):
        answer = get(sandbox, "/v1/orders", **params).json()
        assert (len(answer["data"]), answer["total"]) == (expected, total)
    assert get(sandbox, "/v1/orders", offset=10**17).json() == {"data": [], "total": total}
    assert get(sandbox, "/v1/orders", colour="red").json() == get(sandbox, "/v1/orders").json()


def test_own_limit() -> None:
    """The largest page size can be set, also below the default."""
    with serving(SandboxSettings(orders_per_day=60, now=NOW, max_limit=10)) as running:
        assert len(get(running, "/v1/orders").json()["data"]) == 10
        assert get(running, "/v1/orders", limit=11).status_code == 400


@pytest.mark.parametrize("path", PATHS)
def test_pages_add_up(sandbox: Running, path: str) -> None:
    """Pages of any size put together are the same records in the same order."""
    whole = pages(sandbox, path, 250)
    assert pages(sandbox, path, 17) == whole
    assert len({row["id"] for row in whole}) == len(whole)
    assert whole == sorted(whole, key=lambda row: (row.get("updated_at", ""), row["id"]))


def test_window_bounds(sandbox: Running) -> None:
    """A window includes its start and excludes its end, to the second, at any offset."""
    for path in PATHS[:3]:
        whole = pages(sandbox, path, 250)
        inside = [row for row in whole if DAY["updated_at_min"] <= row["updated_at"] < DAY["updated_at_max"]]
        assert inside
        assert pages(sandbox, path, 250, **DAY) == inside
        shifted = {
            "updated_at_min": "2026-01-05T05:30:00+05:30",
            "updated_at_max": "2026-01-05T19:00:00-05:00",
        }
        assert pages(sandbox, path, 250, **shifted) == inside
        edge = inside[0]["updated_at"]
        same = [row for row in inside if row["updated_at"] == edge]
        after = (datetime.fromisoformat(edge[:-1]) + timedelta(seconds=1)).isoformat()
        assert pages(sandbox, path, 250, updated_at_min=edge, updated_at_max=after) == same
        assert pages(sandbox, path, 250, updated_at_min=edge, updated_at_max=edge) == []


def test_stores_have_no_window(sandbox: Running) -> None:
    """Stores ignore a window, even a wrong one."""
    stores = get(sandbox, "/v1/stores").json()
    assert get(sandbox, "/v1/stores", updated_at_min="tomorrow").json() == stores
    assert [row["id"] for row in stores["data"]] == list(range(1, stores["total"] + 1))


def test_moving_clock() -> None:
    """As time goes on orders leave a closed window for a later one, and none is lost."""
    now = datetime(2026, 1, 6, tzinfo=timezone.utc)
    with serving(SandboxSettings(orders_per_day=60, now=lambda: now)) as running:
        before = {row["id"] for row in pages(running, "/v1/orders", 250, **DAY)}
        now += timedelta(days=1)
        after = {row["id"] for row in pages(running, "/v1/orders", 250, **DAY)}
        everything = {row["id"] for row in pages(running, "/v1/orders", 250)}
    assert after < before
    assert before <= everything


def test_same_on_another_server(sandbox: Running) -> None:
    """Two servers with the same settings agree byte by byte; another seed gives other records."""
    with serving(SandboxSettings(orders_per_day=60, now=NOW)) as other:
        assert all(get(other, path).content == get(sandbox, path).content for path in PATHS)
    with serving(SandboxSettings(orders_per_day=60, now=NOW, seed=2)) as other:
        assert get(other, "/v1/orders").content != get(sandbox, "/v1/orders").content
