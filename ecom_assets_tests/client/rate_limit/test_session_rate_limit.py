"""The rate limit of a run, at the server: the requests that arrive, and the pauses that the server asks for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from math import ceil
from typing import Any

import pytest

from ecom_assets.client import adapter
from ecom_assets.client.session import ShopSession
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets_tests.support.servers.loopback import Loopback, Reply, Seen, json_reply, session_to, shop_at
from ecom_assets_tests.support.servers.loopback import api as api

OAUTH = {
    "type": "oauth2_client_credentials",
    "access_token_url": "{}/token",
    "default_token_expiration": 3600,
}


class Arrivals:
    """Notes when requests arrive, and answers with what `reply` makes of their number."""

    def __init__(self, api: Loopback, *replies: Reply) -> None:
        self.times: list[float] = []
        self.paths: list[str] = []
        self._replies = list(replies)
        api.answering = self._answer

    def _answer(self, seen: Seen) -> Reply:
        self.times.append(time.monotonic())
        self.paths.append(seen.path)
        if seen.path == "/token":
            return json_reply({"access_token": "t0k3n-of-the-api", "expires_in": 3600})
        return self._replies.pop(0) if self._replies else Reply()

    def most(self, seconds: float = 1.0) -> int:
        """Return the most that came in any window of so many seconds."""
        return max(sum(first <= at < first + seconds for at in self.times) for first in self.times)


def ask(session: ShopSession, api: Loopback, count: int, workers: int = 8) -> None:
    """Ask many times, from all workers at once."""

    def once(number: int) -> Any:
        return session.get(f"{api.base_url}/things", params={"n": number})

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(once, range(count)))


@pytest.mark.parametrize("rate", [4.0, pytest.param(7.5, marks=pytest.mark.slow), 25.0])
def test_the_budget_holds_at_the_server(api: Loopback, rate: float) -> None:
    """No second sees more than the budget, from however many workers, bursts and retries included."""
    arrivals = Arrivals(api, *[Reply(503, headers={"Retry-After": "0"}), Reply(), Reply(500)] * 2)
    count = int(rate * 2)
    with closing(
        session_to(shop_at(api.base_url, requests_per_second=rate, backoff_factor=0.01, max_retries=3))
    ) as session:
        ask(session, api, count)
        time.sleep(0.5)  # nothing is saved up
        ask(session, api, count // 2)
    assert len(arrivals.times) == count + count // 2 + 4
    assert arrivals.most() <= ceil(rate) + 1


def test_a_token_takes_from_the_budget(api: Loopback) -> None:
    """The request for a token uses a turn, and the request that needs the token waits for the next."""
    arrivals = Arrivals(api)
    auth = {**OAUTH, "access_token_url": f"{api.base_url}/token"}
    secrets = {"client_id": "the-client", "client_secret": "the-s3cr3t"}
    with closing(session_to(shop_at(api.base_url, auth, requests_per_second=10.0), secrets)) as session:
        ask(session, api, 6)
    assert arrivals.paths.count("/token") == 1
    assert len(arrivals.times) == 7
    assert min(later - first for first, later in pairwise(arrivals.times)) > 0.05


@pytest.mark.parametrize("budget", [None, 50.0])
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_holds_all_workers(api: Loopback, status: int, budget: float | None) -> None:
    """One worker is told to pause, and no worker sends until the pause is over, with a limit and without."""
    told: list[float] = []
    counting = threading.Lock()
    arrivals = Arrivals(api)
    times = arrivals.times

    def answer(seen: Seen) -> Reply:
        with counting:
            times.append(time.monotonic())
            is_twelfth = len(times) == 12
        if is_twelfth:
            told.append(time.monotonic())
            return Reply(status, headers={"Retry-After": "1"})
        return Reply(delay=0.05)  # so that each worker has a request under way, and not many

    api.answering = answer
    with closing(session_to(shop_at(api.base_url, requests_per_second=budget))) as session:
        ask(session, api, 40)
    assert len(times) == 41
    (pause,) = told
    # what was under way before anybody could know of the pause comes in a moment
    assert [at - pause for at in times if pause + 0.3 <= at < pause + 1] == []
    assert sum(at >= pause + 1 for at in times) >= 10


def test_a_pause_holds_although_its_request_fails(api: Loopback) -> None:
    """Also a pause that the last try brings holds back the next request of every worker."""
    arrivals = Arrivals(api, Reply(429, headers={"Retry-After": "1"}))
    with closing(session_to(shop_at(api.base_url, max_retries=0))) as session:
        with pytest.raises(ApiError, match="status 429"):
            session.get(f"{api.base_url}/things")
        session.get(f"{api.base_url}/others")
    assert arrivals.times[1] - arrivals.times[0] >= 1


def test_an_error_without_a_pause_holds_its_own_worker_only(api: Loopback) -> None:
    arrivals = Arrivals(api, Reply(500))
    shop = shop_at(api.base_url, max_retries=1, backoff_factor=0.8)
    with closing(session_to(shop)) as session, ThreadPoolExecutor(1) as pool:
        failed = pool.submit(session.get, f"{api.base_url}/things")
        while not arrivals.times:
            time.sleep(0.01)
        time.sleep(0.1)  # the worker knows of the error by now
        session.get(f"{api.base_url}/others")
        assert failed.result().status_code == 200
    first, other, again = arrivals.times
    assert arrivals.paths == ["/things", "/others", "/things"]
    assert other - first < 0.7
    assert again - first >= 0.8


def test_a_pause_too_long_stops_all_workers(api: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker sends any more; each error says how long the pause is."""
    monkeypatch.setattr(adapter, "LONGEST_WAIT", 0.3)
    arrivals = Arrivals(api, Reply(429, headers={"Retry-After": "1"}))
    with closing(session_to(shop_at(api.base_url))) as session:
        with pytest.raises(RetryLater, match=r"^GET /things: status 429 .* asks for a pause of 1 s") as first:
            session.get(f"{api.base_url}/things")
        with pytest.raises(RetryLater, match=r"^GET /others: not sent: the API asks for a pause") as second:
            session.get(f"{api.base_url}/others")
        assert len(arrivals.times) == 1
        assert first.value.seconds == 1
        assert 0.3 < second.value.seconds < 1
        time.sleep(second.value.seconds - 0.2)
        session.get(f"{api.base_url}/others")
    assert arrivals.times[1] - arrivals.times[0] >= 1
