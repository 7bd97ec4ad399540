"""The HTTP statuses after which a request is sent again: 429, 500, 502, 503 and 504, with advice for each.

This table is the only list of them. See `ecom_assets.client.adapter` for the retries, `ecom_assets.client.retry_wait`
for the time between two tries, and `ecom_assets.client.rate_limit` for the pause of all workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

API_FAULT_ADVICE = "the fault is at the API; run again later"
"""What the user can do about any status of 500 or more."""


@dataclass(frozen=True)
class RetryStatus:
    """A status after which a request is sent again.

    `advice` says what the user can do once the last try has failed. `is_throttle` is true where the API says that it
    gets too many requests. A Retry-After header pauses all workers, whichever of the statuses it comes with.
    """

    code: int
    advice: str
    is_throttle: bool = False


RETRY_STATUSES: Mapping[int, RetryStatus] = {
    status.code: status
    for status in (
        RetryStatus(429, "set policy.requests_per_second, or less policy.concurrency", is_throttle=True),
        RetryStatus(500, API_FAULT_ADVICE),
        RetryStatus(502, API_FAULT_ADVICE),
        RetryStatus(503, API_FAULT_ADVICE),
        RetryStatus(504, API_FAULT_ADVICE),
    )
}
"""Each status that is retried, by its code."""

THROTTLE_STATUSES = frozenset(status.code for status in RETRY_STATUSES.values() if status.is_throttle)
"""The codes that mean too many requests."""
