"""The settings of a sandbox: its seed, its size, its clock and its key."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone

SANDBOX_KEY = "sandbox-key"
"""The default key of the sandbox; not a secret."""

ORDERS_PER_DAY = "ECOM_SANDBOX_ORDERS_PER_DAY"
"""The environment variable with the default of `orders_per_day`."""

_MAX_ORDERS_PER_DAY = 1_000_000


def orders_per_day_from(environ: Mapping[str, str] = os.environ) -> int:
    """Return the orders per day that the environment sets, 200 unless it does. Raises ValueError for a wrong value."""
    value = environ.get(ORDERS_PER_DAY, "200").strip()
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) > _MAX_ORDERS_PER_DAY:
        raise ValueError(
            f"{ORDERS_PER_DAY}: found {value!r}; allowed: a whole number from 0 to {_MAX_ORDERS_PER_DAY}"
        )
    return int(value)


@dataclass(frozen=True)
class SandboxSettings:
    """The sandbox's settings. The same settings and the same instant always give the same answers.

    `orders_per_day` comes from ECOM_SANDBOX_ORDERS_PER_DAY unless given. `start` is the first day with orders, in UTC.
    `now` is a fixed aware datetime or a function that returns one; None means the real clock. `max_limit` is the
    largest page size. Raises ValueError for an orders_per_day or a max_limit out of range.
    """

    seed: int = 1
    orders_per_day: int = field(default_factory=orders_per_day_from)
    start: date = date(2026, 1, 1)
    now: datetime | Callable[[], datetime] | None = None
    key: str = SANDBOX_KEY
    max_limit: int = 250

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.orders_per_day <= _MAX_ORDERS_PER_DAY:
            raise ValueError(
                f"orders_per_day: found {self.orders_per_day}; allowed: 0 to {_MAX_ORDERS_PER_DAY}"
            )
        if self.max_limit < 1:
            raise ValueError(f"max_limit: found {self.max_limit}; allowed: 1 or more")

    def clock(self) -> int:
        """Return the current time in whole seconds since 1970 UTC. Raises ValueError for a naive datetime."""
        now = datetime.now(timezone.utc) if self.now is None else self.now
        if callable(now):
            now = now()
        if now.tzinfo is None:
            raise ValueError(f"now: found {now.isoformat()}, which has no offset; allowed: an aware datetime")
        return int(now.timestamp() // 1)
