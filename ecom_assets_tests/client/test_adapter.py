"""The adapter against a real server: what it retries, and after how long."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from requests import Response

from ecom_assets.client import adapter, rate_limit
from ecom_assets.client.read_statistics import SLICE_HEADER, ReadStatistics
from ecom_assets.client.session import ShopSession
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets_tests.support.servers.loopback import (
    Connect,
    Loopback,
    Reply,
    json_reply,
    serving,
    session_to,
    shop_at,
)
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the waits instead of waiting; the clock moves with them."""
    collected: list[float] = []
    monkeypatch.setattr(adapter, "sleep", collected.append)
    monkeypatch.setattr(rate_limit, "sleep", collected.append)
    monkeypatch.setattr(rate_limit, "monotonic", lambda: sum(collected))
    return collected


def get(session: ShopSession, api: Loopback, path: str = "/things", **kwargs: Any) -> Response:
    """Ask the server for a path."""
    return session.get(api.base_url + path, **kwargs)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_status_is_tried_again(
    status: int, api: Loopback, connect: Connect, waits: list[float]
) -> None:
    """A temporary status is retried three times, after 2, 4 and 8 seconds."""
    api.replies = [Reply(status)] * 3 + [json_reply({"data": [1]})]
    assert get(connect(), api).json() == {"data": [1]}
    assert waits == [2, 4, 8]
    assert len(api.seen) == 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_tries_end(status: int, api: Loopback, connect: Connect, waits: list[float]) -> None:
    """After the last try the failure is reported with the number of tries."""
    api.replies = [Reply(status, "busy")]
    with pytest.raises(ApiError, match=rf"^GET /things: status {status} .* after 3 tries; .*; body: busy$"):
        get(connect(max_retries=2, backoff_factor=0.5), api)
    assert len(api.seen) == 3
    assert waits == [0.5, 1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422, 501])
def test_other_status_fails_at_once(status: int, api: Loopback, connect: Connect, waits: list[float]) -> None:
    """A permanent status is not retried."""
    api.replies = [Reply(status, " no\n way ")]
    with pytest.raises(ApiError) as caught:
        get(connect(), api, params={"q": "1"})
    line = str(caught.value)
    assert line.startswith(f"GET /things: status {status} ")
    assert line.endswith("; body: no way")
    assert "\n" not in line
    assert "tries" not in line
    assert len(api.seen) == 1
    assert waits == []


def test_no_retries(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """With max_retries 0 there is one request."""
    api.replies = [Reply(503)]
    with pytest.raises(ApiError):
        get(connect(max_retries=0), api)
    assert len(api.seen) == 1
    assert waits == []


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Reply(drop=True), "the connection was dropped"),
        (Reply(delay=30), "no answer within 0.2 s"),
        (Reply(body=b"x" * 100, cut=True), "the body was cut off"),
    ],
)
def test_no_answer_is_tried_again(
    trouble: Reply, reason: str, api: Loopback, connect: Connect, waits: list[float]
) -> None:
    """A failed connection, a timeout and half a body are retried, and named after the last try."""
    api.replies = [trouble, Reply()]
    session = connect(max_retries=1, timeout=0.2)
    assert get(session, api).json() == {"data": []}
    assert waits == [2]
    api.replies = [trouble]
    with pytest.raises(ApiError) as caught:
        get(session, api)
    assert str(caught.value) == f"GET /things: {api.host}: {reason} after 2 tries"
    assert len(api.seen) == 4


def test_nobody_listens(waits: list[float]) -> None:
    """A refused connection is tried again, and named."""
    with serving() as gone:
        pass
    with closing(session_to(shop_at(gone.base_url))) as session, pytest.raises(ApiError) as caught:
        get(session, gone)
    assert str(caught.value) == f"GET /things: {gone.host}: no connection (connection refused) after 4 tries"
    assert waits == [2, 4, 8]


def test_broken_compression_is_not_tried_again(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """A body that does not fit its header will not fit it the next time."""
    api.replies = [Reply(body=b"plain", headers={"Content-Encoding": "gzip"})]
    with pytest.raises(ApiError, match=r"the body cannot be decompressed$"):
        get(connect(), api)
    assert len(api.seen) == 1


def test_retry_after_seconds(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """The wait that the API asks for replaces the backoff, for any status."""
    api.replies = [
        Reply(429, headers={"Retry-After": "7"}),
        Reply(503, headers={"Retry-After": "0"}),
        Reply(429, headers={"Retry-After": "60"}),
        Reply(),
    ]
    get(connect(), api)
    assert waits == [7, 60]


def test_retry_after_date(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """The header may be a date. A past date means no wait, and an unreadable one is ignored."""
    now = datetime.now(timezone.utc)
    api.replies = [
        Reply(429, headers={"Retry-After": format_datetime(now + timedelta(seconds=30), usegmt=True)}),
        Reply(429, headers={"Retry-After": format_datetime(now - timedelta(days=1), usegmt=True)}),
        Reply(429, headers={"Retry-After": "soon"}),
        Reply(),
    ]
    get(connect(), api)
    assert 25 < waits[0] <= 30
    assert waits[1:] == [8]


@pytest.mark.parametrize("as_date", [False, True])
def test_long_retry_after(as_date: bool, api: Loopback, connect: Connect, waits: list[float]) -> None:
    """A pause longer than a run waits ends it at once; the error has the pause."""
    moment = datetime.now(timezone.utc) + timedelta(seconds=120)
    api.replies = [
        Reply(429, headers={"Retry-After": format_datetime(moment, usegmt=True) if as_date else "120"})
    ]
    with pytest.raises(
        RetryLater, match=r"asks for a pause of 1[12][0-9] s; a run waits 60 s at most$"
    ) as caught:
        get(connect(), api)
    assert caught.value.seconds == pytest.approx(120, abs=5)
    assert len(api.seen) == 1
    assert waits == []


def test_backoff_is_cut(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """No backoff is longer than a run waits."""
    api.replies = [Reply(500)] * 2 + [Reply()]
    get(connect(backoff_factor=50), api)
    assert waits == [50, 60]


def test_read_statistics(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """Tries count for the slice that asked; the header with its id never reaches the API."""
    statistics = ReadStatistics()
    session = connect(statistics=statistics)
    api.replies = [Reply(500), Reply(drop=True), Reply()]
    response = get(session, api, headers={SLICE_HEADER: "a"})
    get(session, api, headers={SLICE_HEADER: "a"})
    get(session, api, headers={SLICE_HEADER: "b"})
    get(session, api)
    assert (statistics.of("a").requests, statistics.of("a").retries) == (4, 2)
    assert (statistics.of("b").requests, statistics.of("b").retries) == (1, 0)
    assert response.request.headers[SLICE_HEADER] == "a"
    assert len(api.seen) == 6
    assert not any(SLICE_HEADER.lower() in seen.headers for seen in api.seen)
