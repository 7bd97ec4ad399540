"""The policy of retries: which statuses are retried, and the waits that APIs ask for in their own ways."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError
from requests import Response

from ecom_assets.client import adapter, rate_limit
from ecom_assets.client.redaction import Redactor
from ecom_assets.client.request_errors import RequestErrors
from ecom_assets.client.responses import ApiResponse
from ecom_assets.client.retry_wait import retry_after
from ecom_assets.declaration.api.policy import Policy
from ecom_assets.declaration.api.retry import RetryAfter
from ecom_assets.foundation.errors import ApiError, RetryLater
from ecom_assets_tests.support.servers.loopback import Connect, Loopback, Reply, json_reply, shop_at
from ecom_assets_tests.support.servers.loopback import api as api
from ecom_assets_tests.support.servers.loopback import connect as connect

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
IN_30 = NOW + timedelta(seconds=30)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the waits instead of waiting; the clock moves with them."""
    collected: list[float] = []
    monkeypatch.setattr(adapter, "sleep", collected.append)
    monkeypatch.setattr(rate_limit, "sleep", collected.append)
    monkeypatch.setattr(rate_limit, "monotonic", lambda: sum(collected))
    return collected


def refusal(status: int, headers: dict[str, str], body: Any = None) -> Response:
    """Return a response of an API whose clock says NOW, far away from the one of this machine."""
    response = ApiResponse()
    response.status_code = status
    response.headers.update({"Date": format_datetime(NOW, usegmt=True), **headers})
    response._content = json.dumps(body).encode()
    response._errors = RequestErrors(shop_at("http://localhost"), Redactor())
    return response


def used_up(**headers: str) -> dict[str, str]:
    """Return headers with a limit that is used up; underscores stand for hyphens."""
    return {"X-RateLimit-Remaining": "0"} | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize("status", [403, 420, 429, 430, 503, 520, 524, 529])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "30"},
        {"Retry-After": "30.0"},
        {"Retry-After": " 30 "},
        {"Retry-After": "30s"},
        {"Retry-After": format_datetime(IN_30, usegmt=True)},
        {"Retry-After": "2026-03-01T12:00:30Z"},
        {"Retry-After": str(int(IN_30.timestamp()))},
        {"Retry-After-Ms": "30000"},
        {"retry-after-ms": "30000", "Retry-After": "31"},
        {"x-ms-retry-after-ms": "30000"},
        used_up(X_RateLimit_Reset="30"),
        used_up(X_RateLimit_Reset=str(int(IN_30.timestamp()))),
        used_up(X_RateLimit_Reset=f"{IN_30.timestamp():.3f}"),
        used_up(X_RateLimit_Reset=str(int(IN_30.timestamp() * 1000))),
        used_up(X_RateLimit_Reset="2026-03-01T12:00:30Z"),
        used_up(X_RateLimit_Reset="2026-03-01T13:00:30.000000+01:00"),
        used_up(X_RateLimit_Reset="2026-03-01 12:00:30+00:00"),
        used_up(X_RateLimit_Reset=format_datetime(IN_30, usegmt=True)),
        {"X-RateLimit-Remaining": "0.0", "X-RateLimit-Reset-After": "30.0"},
        used_up(X_RateLimit_Reset_After="30000"),
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"},
        {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(IN_30.timestamp()))},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
def test_the_ways_to_ask_for_a_wait(status: int, headers: dict[str, str]) -> None:
    """Thirty seconds are thirty seconds, however an API writes them; instants are of the API's own clock."""
    assert retry_after(refusal(status, headers)) == pytest.approx(30, abs=0.001)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("250ms", 0.25),
        ("1m30s", 90),
        ("6m0s", 360),
        ("1h", 3600),
        ("1h2m3.5s", 3723.5),
        ("1.5s", 1.5),
        ("2m", 120),
    ],
)
def test_durations(value: str, seconds: float) -> None:
    """A duration has its own units."""
    assert retry_after(refusal(429, {"Retry-After": value})) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "30"},
        {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset-After": "30"},
        used_up(X_RateLimit_Reset=str(int(NOW.timestamp()) - 60)),
        used_up(X_RateLimit_Reset="soon"),
        used_up(),
        {"Retry-After": "ms"},
        {"Retry-After": "true"},
        {"Retry-After": "2026-03-01"},
        {"Retry-After": "-30"},
        {},
    ],
)
@pytest.mark.parametrize("status", [403, 429, 503, 520])
def test_no_wait_is_asked_for(status: int, headers: dict[str, str]) -> None:
    """A limit that is not used up, one that is over, and an unreadable time are no reason to wait."""
    assert retry_after(refusal(status, headers)) is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [(403, None), (500, None), (520, None), (429, 30), (420, 30), (430, 30), (503, 30)],
)
def test_a_reset_without_a_rest(status: int, expected: float | None) -> None:
    """An API that sends the reset with every response has to say that nothing is left, or has to send a throttle."""
    assert retry_after(refusal(status, {"X-RateLimit-Reset": "30"})) == expected


@pytest.mark.parametrize(
    ("declared", "headers", "body", "expected"),
    [
        ({"header": "X-Wait"}, {"X-Wait": "7"}, None, 7),
        ({"header": "x-wait", "unit": "milliseconds"}, {"X-Wait": "7000"}, None, 7),
        ({"header": "X-Wait"}, {"X-Wait": str(int(IN_30.timestamp() * 1000))}, None, 30),
        ({"header": "X-RateLimit-Reset"}, {"X-RateLimit-Reset": "9"}, None, 9),
        ({"path": "error.retry_in"}, {}, {"error": {"retry_in": 1.5}}, 1.5),
        ({"path": "error.retry_in", "unit": "milliseconds"}, {}, {"error": {"retry_in": 1500}}, 1.5),
        ({"path": "until"}, {}, {"until": "2026-03-01T12:00:30Z"}, 30),
        ({"path": "until"}, {}, {"until": IN_30.timestamp()}, 30),
        ({"path": "until"}, {"Retry-After": "5"}, {"until": None}, 5),
        ({"path": "until"}, {"Retry-After": "5"}, {"until": True}, 5),
        ({"path": "until"}, {"Retry-After": "5"}, ["no object"], 5),
        ({"header": "X-Wait"}, {"Retry-After": "5"}, None, 5),
        ({"header": "X-Wait"}, {"Retry-After": "5", "X-Wait": "2"}, None, 2),
    ],
)
def test_a_declared_place(
    declared: dict[str, Any], headers: dict[str, str], body: Any, expected: float
) -> None:
    """The declared place comes first; where it holds nothing usable, the usual headers count."""
    found = retry_after(refusal(403, headers, body), RetryAfter.model_validate(declared))
    assert found == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("status", [403, 420, 430, 520, 522, 529])
def test_a_status_with_a_wait_is_retried(
    status: int, api: Loopback, connect: Connect, waits: list[float]
) -> None:
    """A response that says how long to wait is retried after that time, and pauses all workers."""
    first, second = (Reply(status, headers={"Retry-After": seconds}) for seconds in ("7", "3"))
    api.replies = [first, second, Reply()]
    connect().get(f"{api.base_url}/things")
    assert waits == [7, 3]
    api.replies = [Reply(status)]
    with pytest.raises(ApiError):
        connect().get(f"{api.base_url}/things")
    assert len(api.seen) == 4


def test_a_forbidden_throttle_says_so(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """A 403 with a wait is not about the secrets."""
    api.replies = [Reply(403, "slow down", {"Retry-After": "7"})]
    session = connect({"type": "bearer"}, {"token": "the-token"}, max_retries=1)
    with pytest.raises(ApiError) as caught:
        session.get(f"{api.base_url}/things")
    assert str(caught.value) == (
        "GET /things: status 403 Forbidden after 2 tries; this is a throttle, as the response says how long to wait: "
        "set policy.requests_per_second, or less policy.concurrency; body: slow down"
    )
    api.replies = [Reply(403, "slow down", {"Retry-After": "90"})]
    with pytest.raises(RetryLater, match=r"403 Forbidden, a throttle; the API asks for a pause of 90 s"):
        session.get(f"{api.base_url}/things")


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (420, "set policy.requests_per_second, or less policy.concurrency; to retry it, declare it in"),
        (430, "set policy.requests_per_second, or less policy.concurrency; to retry it, declare it in"),
        (521, "the fault is at the API; run again later; to retry it, declare it in"),
    ],
)
def test_a_status_that_could_be_declared(status: int, advice: str, api: Loopback, connect: Connect) -> None:
    """The error says where to declare that a status is retried."""
    api.replies = [Reply(status)]
    with pytest.raises(ApiError, match=f"; {advice} policy.retry_statuses; body"):
        connect().get(f"{api.base_url}/things")


@pytest.mark.parametrize("status", [403, 404, 409, 425, 430, 501, 521])
def test_declared_statuses(status: int, api: Loopback, connect: Connect, waits: list[float]) -> None:
    """A declared status is retried like the others, and only the declared ones are."""
    api.replies = [Reply(status)] * 2 + [Reply()]
    session = connect(retry_statuses=[status, 500])
    session.get(f"{api.base_url}/things")
    assert waits == [2, 4]
    for other in (429, 502, 503):
        api.replies = [Reply(other, headers={"Retry-After": "1"})]
        with pytest.raises(ApiError, match=f"status {other} [A-Z][^;]*; "):
            session.get(f"{api.base_url}/things")
    assert len(api.seen) == 6
    assert waits == [2, 4]


def test_no_status_at_all(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """An empty list retries no status; a dropped connection is retried as ever."""
    session = connect(retry_statuses=[])
    api.replies = [Reply(drop=True), Reply()]
    session.get(f"{api.base_url}/things")
    assert waits == [2]
    api.replies = [Reply(500)]
    with pytest.raises(ApiError):
        session.get(f"{api.base_url}/things")
    assert len(api.seen) == 3


def test_a_declared_path_at_work(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """The wait in a body holds back the next try; a body that is not JSON names no wait."""
    session = connect(retry_after={"path": "error.retry_in", "unit": "milliseconds"})
    api.replies = [json_reply({"error": {"retry_in": 4500}}, 429), Reply(403, "<html>"), Reply()]
    with pytest.raises(ApiError, match="status 403"):
        session.get(f"{api.base_url}/things")
    assert waits == [4.5]


def test_a_reset_at_work(api: Loopback, connect: Connect, waits: list[float]) -> None:
    """An instant in a header holds back the next try until then."""
    reset = used_up(X_RateLimit_Reset=str(int(time.time()) + 20))
    api.replies = [Reply(403, headers=reset), Reply()]
    connect().get(f"{api.base_url}/things")
    assert len(waits) == 1
    assert 17 <= waits[0] <= 21


def test_the_defaults() -> None:
    """The five statuses are retried that always were."""
    assert Policy().retry_statuses == (429, 500, 502, 503, 504)
    assert Policy().retry_after is None


@pytest.mark.parametrize(
    "policy",
    [
        {"retry_statuses": [200]},
        {"retry_statuses": [600]},
        {"retry_statuses": [429, 429]},
        {"retry_statuses": ["429"]},
        {"retry_statuses": [True]},
        {"retry_statuses": 429},
        {"retry_after": {}},
        {"retry_after": {"header": "X-A", "path": "a"}},
        {"retry_after": {"path": "[["}},
        {"retry_after": {"header": "X-A", "unit": "minutes"}},
    ],
)
def test_wrong_policies(policy: dict[str, Any]) -> None:
    """What makes no sense is refused."""
    with pytest.raises(ValidationError):
        Policy.model_validate(policy)
