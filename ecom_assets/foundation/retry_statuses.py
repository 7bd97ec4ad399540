"""The HTTP statuses that are temporary: which of them are retried by default, and what to do about each.

This table is the only list of them. See `ecom_assets.client.adapter` for the retries, `ecom_assets.client.retry_wait`
for the time between two tries, and `ecom_assets.client.rate_limit` for the pause of all workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

API_FAULT_ADVICE = "the fault is at the API; run again later"
"""What the user can do about any status of 500 or more."""

THROTTLE_ADVICE = "set policy.requests_per_second, or less policy.concurrency"
"""What the user can do about too many requests."""


@dataclass(frozen=True)
class RetryStatus:
    """A status that may be temporary.

    `advice` says what the user can do once the last try has failed. `is_default` is true if the status is retried
    unless `policy.retry_statuses` says otherwise. `is_throttle` is true where the API says that it gets too many
    requests. `is_retried_with_time` is true if a response that says how long to wait is retried, although the status is
    not in `policy.retry_statuses`.
    """

    code: int
    advice: str = API_FAULT_ADVICE
    is_default: bool = False
    is_throttle: bool = False
    is_retried_with_time: bool = False


TEMPORARY_STATUSES: Mapping[int, RetryStatus] = {
    status.code: status
    for status in (
        # 403 is a throttle at some APIs, but only if it says how long to wait
        RetryStatus(403, THROTTLE_ADVICE, is_retried_with_time=True),
        RetryStatus(420, THROTTLE_ADVICE, is_throttle=True, is_retried_with_time=True),
        RetryStatus(429, THROTTLE_ADVICE, is_default=True, is_throttle=True),
        RetryStatus(430, THROTTLE_ADVICE, is_throttle=True, is_retried_with_time=True),
        RetryStatus(500, is_default=True),
        RetryStatus(502, is_default=True),
        RetryStatus(503, is_default=True),
        RetryStatus(504, is_default=True),
        # a proxy in front of the API cannot reach it
        *(RetryStatus(code, is_retried_with_time=True) for code in range(520, 530)),
    )
}
"""Each status that may be temporary, by its code."""

RETRY_STATUSES = tuple(status.code for status in TEMPORARY_STATUSES.values() if status.is_default)
"""The codes that are retried by default."""

THROTTLE_STATUSES = frozenset(status.code for status in TEMPORARY_STATUSES.values() if status.is_throttle)
"""The codes that mean too many requests."""

RETRIED_WITH_TIME = frozenset(
    status.code for status in TEMPORARY_STATUSES.values() if status.is_retried_with_time
)
"""The codes that are retried if the response says how long to wait."""
