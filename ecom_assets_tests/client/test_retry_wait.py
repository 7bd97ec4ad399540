"""The wait before a retry."""

from __future__ import annotations

import pytest
from requests import Response

from ecom_assets.client.retry_wait import retry_after


@pytest.mark.parametrize("value", ["", "-1", "1e3", "Wed", "99999999999999999999", "nan"])
def test_unusable_retry_after(value: str) -> None:
    """A header that is neither seconds nor a date is ignored."""
    response = Response()
    response.headers["Retry-After"] = value
    assert retry_after(response) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3, 5", 5.0),
        ("1.5,1", 1.5),
        ('"12"', 12.0),
        ("30 seconds", 30.0),
        ("1 minute", 60.0),
        ("2 Min 5 Sec", 125.0),
        ("250 milliseconds", 0.25),
        ("1 hour", 3600.0),
        ("PT1M30S", 90.0),
        ("PT0.5S", 0.5),
        ("00:01:30", 90.0),
    ],
)
def test_durations_as_apis_write_them(value: str, seconds: float) -> None:
    response = Response()
    response.headers["Retry-After"] = value
    assert retry_after(response) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("limit=9, remaining=0, reset=30", 30.0),
        ('"default";r=0;t=30', 30.0),
        ('"default";r=3;t=30', None),
        ("limit=9, remaining=4, reset=30", None),
        ("nonsense", None),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_the_header_ratelimit(header: str, seconds: float | None, status: int) -> None:
    """The field of the drafts of the IETF, the earlier and the later form."""
    response = Response()
    response.status_code = status
    response.headers["RateLimit"] = header
    assert retry_after(response) == seconds
