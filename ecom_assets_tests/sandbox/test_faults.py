"""Faults on demand, seen by a client over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from ecom_assets.sandbox.faults import REMOVED, Fault
from ecom_assets.sandbox.server import SANDBOX_KEY, Running, SandboxSettings, serving
from ecom_assets_tests.support.loads.still_sandbox import sandbox as sandbox

ORDERS = "/v1/orders"
STORES = "/v1/stores"
DAY = {"updated_at_min": "2026-01-05T00:00:00Z", "updated_at_max": "2026-01-06T00:00:00Z"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Serve a small shop whose clock stands still."""
    now = datetime(2026, 1, 10, 12, tzinfo=timezone.utc)
    with serving(SandboxSettings(orders_per_day=60, now=now)) as running:
        yield running


def get(sandbox: Running, path: str = STORES, **params: Any) -> requests.Response:
    """Ask with the key."""
    return requests.get(sandbox.base_url + path, params={"api_key": SANDBOX_KEY, **params}, timeout=10)


def ids(sandbox: Running, path: str = ORDERS, **params: Any) -> list[Any]:
    """Return the ids of one page."""
    return [row.get("id") for row in get(sandbox, path, **params).json()["data"]]


def test_fail(sandbox: Running) -> None:
    """A status comes as often as asked for, with its header and body, and then no more."""
    sandbox.faults.fail(503, times=2, retry_after=7)
    sandbox.faults.fail(429, body="slow down", retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    answers = [get(sandbox) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].json() == {"error": "status 503 on demand"}
    assert (answers[2].headers["Retry-After"], answers[2].text) == (
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "slow down",
    )
    assert "Retry-After" not in answers[3].headers
    assert [request.status for request in sandbox.log.requests] == [503, 503, 429, 200]


def test_matching(sandbox: Running) -> None:
    """A fault waits for the path and the query that it is meant for, and lets others pass."""
    sandbox.faults.fail(500, path=ORDERS, when=lambda query: query.get("offset") == "50")
    sandbox.faults.fail(502, path=STORES, times=None)
    assert get(sandbox, ORDERS).ok
    assert [get(sandbox).status_code for _ in range(3)] == [502, 502, 502]
    assert get(sandbox, ORDERS, offset=50).status_code == 500
    assert get(sandbox, ORDERS, offset=50).ok
    sandbox.faults.clear()
    assert get(sandbox).ok


def test_slow(sandbox: Running) -> None:
    """A late answer is still the usual one."""
    sandbox.faults.slow(0.3)
    begun = time.monotonic()
    assert get(sandbox).ok
    assert time.monotonic() - begun >= 0.3
    sandbox.faults.slow(5)
    with pytest.raises(requests.ReadTimeout):
        requests.get(sandbox.base_url + STORES, timeout=0.2)


def test_drop(sandbox: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A dropped connection is an error for the client, no noise for the server, and the next one works."""
    sandbox.faults.drop(times=2)
    with requests.Session() as session:
        for _ in range(2):
            with pytest.raises(requests.ConnectionError, match=r"Remote end closed|reset|aborted"):
                session.get(sandbox.base_url + STORES, timeout=10)
        assert session.get(sandbox.base_url + STORES, params={"api_key": SANDBOX_KEY}, timeout=10).ok
    assert [request.status for request in sandbox.log.requests] == [None, None, 200]
    assert caplog.records == []


def test_cut(sandbox: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A body that ends too early can be noticed by its length."""
    whole = get(sandbox, ORDERS)
    sandbox.faults.cut(path=ORDERS)
    begun = time.monotonic()
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get(sandbox, ORDERS)
    assert time.monotonic() - begun < 2
    sandbox.faults.cut()
    answer = requests.get(whole.request.url or "", stream=True, timeout=10)
    assert answer.headers["Content-Length"] == str(len(whole.content))
    assert whole.content.startswith(answer.raw.read(1000))
    answer.close()
    assert get(sandbox, ORDERS).content == whole.content
    assert caplog.records == []


@pytest.mark.parametrize("body", ['{"data": [', "", "<html>", '{"rows": []}', b"\xff\xfe"])
def test_answer(sandbox: Running, body: str | bytes) -> None:
    """Any body can come with status 200."""
    sandbox.faults.answer(body)
    answer = get(sandbox)
    assert (answer.status_code, answer.content) == (200, body.encode() if isinstance(body, str) else body)
    assert answer.headers["content-type"] == "application/json"
    sandbox.faults.answer(body, headers={"content-type": "text/html"})
    assert get(sandbox).headers["content-type"] == "text/html"


def test_put(sandbox: Running) -> None:
    """A custom fault may combine several effects."""
    sandbox.faults.put(Fault(STORES, delay=0.2, status=204))
    begun = time.monotonic()
    assert get(sandbox).status_code == 204
    assert time.monotonic() - begun >= 0.2


def test_delete(sandbox: Running) -> None:
    """A hidden record is missing from page and total of its path only."""
    before = get(sandbox, ORDERS, **DAY).json()
    gone = before["data"][3]["id"]
    sandbox.faults.delete(ORDERS, gone)
    after = get(sandbox, ORDERS, **DAY).json()
    assert after["total"] == before["total"] - 1
    assert after["data"][:49] == [row for row in before["data"] if row["id"] != gone]
    sandbox.faults.clear()
    assert get(sandbox, ORDERS, **DAY).json() == before


def test_change(sandbox: Running) -> None:
    """A changed record has the new fields, lacks the removed ones, and keeps its place."""
    before = get(sandbox, ORDERS, **DAY).json()
    target = before["data"][3]
    sandbox.faults.change(ORDERS, target["id"], total="many", buyer=None, colour="red")
    sandbox.faults.change(ORDERS, target["id"], currency=REMOVED, updated_at="soon")
    after = get(sandbox, ORDERS, **DAY).json()
    expected = {**target, "total": "many", "buyer": None, "colour": "red", "updated_at": "soon"}
    del expected["currency"]
    assert after["data"][3] == expected
    assert after["data"][:3] + after["data"][4:] == before["data"][:3] + before["data"][4:]
    sandbox.faults.delete(ORDERS, target["id"])
    assert get(sandbox, ORDERS, **DAY).json()["total"] == before["total"] - 1


def test_change_moves(sandbox: Running) -> None:
    """A record with a new instant is in the window of that instant only, whatever its offset."""
    first, second, *_ = get(sandbox, ORDERS, **DAY).json()["data"]
    total = get(sandbox, ORDERS, **DAY).json()["total"]
    sandbox.faults.change(ORDERS, first["id"], updated_at="2026-01-06T01:59:59+02:00")
    moved = ids(sandbox, limit=250, **DAY)
    assert (moved[0], moved[-1], len(moved)) == (second["id"], first["id"], total)
    sandbox.faults.change(ORDERS, first["id"], updated_at="2026-01-06T02:00:00+02:00")
    assert first["id"] not in ids(sandbox, limit=250, **DAY)
    later = {"updated_at_min": DAY["updated_at_max"]}
    assert ids(sandbox, **later)[0] == first["id"]
    sandbox.faults.change(ORDERS, 10**9, status="unknown")
    assert get(sandbox, ORDERS, **DAY).json()["total"] == total - 1
    sandbox.faults.change(ORDERS, first["id"], updated_at="2026-01-05T23:59:59.9999998Z")
    assert ids(sandbox, limit=250, **DAY)[-1] == first["id"]
    assert first["id"] not in ids(sandbox, **later)
    for digit, found in (("7", [first["id"]]), ("8", [first["id"]]), ("9", [])):
        edge = f"2026-01-05T23:59:59.999999{digit}Z"
        assert ids(sandbox, updated_at_min=edge, updated_at_max=DAY["updated_at_max"]) == found


def test_add(sandbox: Running) -> None:
    """An added record is in its window, twice if added twice; one without an instant ends every answer."""
    before = ids(sandbox, limit=250, **DAY)
    new = {"id": 5, "updated_at": "2026-01-05T00:00:00Z", "anything": [1]}
    sandbox.faults.add(ORDERS, new)
    sandbox.faults.add(ORDERS, new)
    sandbox.faults.add(ORDERS, {"id": 6})
    answer = get(sandbox, ORDERS, limit=250, **DAY).json()
    assert [row["id"] for row in answer["data"]] == [5, 5, *before, 6]
    assert answer["total"] == len(before) + 3
    assert answer["data"][0] == new
    assert ids(sandbox, limit=250, updated_at_max="2026-01-01")[-1] == 6
    sandbox.faults.add(STORES, {"id": 99})
    sandbox.faults.change(STORES, 2, name="Elsewhere", updated_at="2026-01-01T00:00:00Z")
    assert ids(sandbox, STORES) == [1, 2, 3, 4, 5, 99]


def test_ignore(sandbox: Running) -> None:
    """A server may ignore a parameter, on one path or on all."""
    first = ids(sandbox, limit=20)
    sandbox.faults.ignore("offset", path=ORDERS)
    assert ids(sandbox, limit=20, offset=20) == first
    assert ids(sandbox, "/v1/customers", limit=20, offset=20) != ids(sandbox, "/v1/customers", limit=20)
    sandbox.faults.ignore("limit")
    assert len(ids(sandbox, limit=20)) == len(ids(sandbox, "/v1/customers", limit=999)) == 50
    whole = get(sandbox, ORDERS).json()["total"]
    assert get(sandbox, ORDERS, **DAY).json()["total"] < whole
    sandbox.faults.ignore("updated_at_min")
    sandbox.faults.ignore("updated_at_max")
    assert get(sandbox, ORDERS, **DAY).json()["total"] == whole


def test_total(sandbox: Running) -> None:
    """The total may be wrong or missing, with the records as they are."""
    right = get(sandbox, ORDERS).json()
    sandbox.faults.total(ORDERS, 3)
    assert get(sandbox, ORDERS).json() == {**right, "total": 3}
    sandbox.faults.total(ORDERS, None)
    assert get(sandbox, ORDERS).json() == {"data": right["data"]}
    assert "total" in get(sandbox).json()


def test_after(sandbox: Running) -> None:
    """A record goes while pages are read: the second page is as before, the third is not."""
    pages = [ids(sandbox, limit=20, offset=offset, **DAY) for offset in (0, 20, 40)]
    faults = sandbox.faults
    faults.after(ORDERS, requests=2, do=lambda: faults.delete(ORDERS, pages[0][0]))
    get(sandbox)
    found = [ids(sandbox, limit=20, offset=offset, **DAY) for offset in (0, 20, 40)]
    assert found[:2] == pages[:2]
    assert found[2][:19] == pages[2][1:20]


def test_threads(sandbox: Running) -> None:
    """Faults added from several threads at once all happen, once each."""
    threads = [threading.Thread(target=sandbox.faults.fail, args=(500,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with requests.Session() as session:
        answers = [session.get(sandbox.base_url + STORES, timeout=10).status_code for _ in range(21)]
    assert answers == [500] * 20 + [401]
