"""How long to wait before a request is sent again: the API's Retry-After header, else a growing backoff.

See `ecom_assets.foundation.retry_statuses` for the statuses that are retried.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from requests import Response

LONGEST_WAIT = 60.0
"""The most seconds that a run waits before one try.

A longer Retry-After ends the reading, and what was read is loaded. A longer backoff is shortened to this.
"""


def retry_after(response: Response) -> float | None:
    """Return the seconds, 0 or more, that a Retry-After header asks for; None without a usable one."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (aware - datetime.now(timezone.utc)).total_seconds())


def backoff(factor: float, tries: int) -> float:
    """Return the seconds to wait after this many failed tries: 1, 2, 4 … times the factor, LONGEST_WAIT at most."""
    return min(factor * 2.0 ** (tries - 1), LONGEST_WAIT)
