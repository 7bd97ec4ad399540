"""Visits: in each, one customer places a few orders, whose status changes over the following days.

All orders of a visit and its customer change at the same instants. Any window that holds an order therefore holds the
order's customer too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ecom_assets.sandbox.instants import DAY
from ecom_assets.sandbox.seeded_random import choose, seeded_bytes

FIRST_ORDER = 1001
"""The id of the first order."""

LONGEST_VISIT = 6 * DAY
"""Seconds from the beginning of a visit to its last change, at most."""

_DELIVERED = ("paid", "packed", "shipped", "delivered")
_STATUS_HISTORIES = (
    *(_DELIVERED,) * 12,
    (*_DELIVERED, "refunded"),
    (*_DELIVERED, "refunded"),
    ("paid", "packed", "cancelled"),
    ("paid", "cancelled"),
)
_MIN_STEP = 1_800  # seconds from one change to the next
_MAX_STEP = LONGEST_VISIT // 4  # a history has four changes at most
_MAX_ORDERS = 5  # of one visit


class Visit(NamedTuple):
    """A customer's visit.

    `customer` and `first_order` are ids, `orders` is the number of orders. `changes` are instants in seconds since
    1970 UTC, the first of which is the beginning; `statuses` has the orders' status since each of them.
    """

    customer: int
    first_order: int
    orders: int
    changes: tuple[int, ...]
    statuses: tuple[str, ...]

    def status(self, updated: int) -> str:
        """Return the status that the orders have had since this change."""
        return self.statuses[self.changes.index(updated)]


class Visits:
    """All visits, made a day at a time and only for the days that are needed."""

    def __init__(self, seed: int, start: int, orders_per_day: int) -> None:
        """Take what the visits depend on.

        Args:
            seed: The sandbox's seed.
            start: The first second of the first day, since 1970 UTC.
            orders_per_day: The number of orders of all visits of a day together.
        """
        self._seed = seed
        self._start = start
        self._orders_per_day = orders_per_day
        self._day = lru_cache(maxsize=128)(self._make_day)

    def of_days(self, first: int, last: int) -> Iterator[Visit]:
        """Yield the visits that began on the days from the instant `first` to the instant `last`, whole days."""
        days = range(max(0, (first - self._start) // DAY), (last - self._start) // DAY + 1)
        for day in days:
            yield from self._day(day)

    def of_customer(self, customer: int) -> Visit | None:
        """Return the visit of a customer, also a future one; None for an id that no customer gets."""
        if customer < 1 or not self._orders_per_day:
            return None
        day, position = divmod(customer - 1, self._orders_per_day)
        visits = self._day(day)
        return visits[position] if position < len(visits) else None

    def of_order(self, order: int) -> Visit | None:
        """Return the visit of an order, also a future one; None for an id that no order gets."""
        if order < FIRST_ORDER or not self._orders_per_day:
            return None
        visits = self._day((order - FIRST_ORDER) // self._orders_per_day)
        return visits[bisect_right(visits, order, key=_first_order) - 1]

    def _make_day(self, day: int) -> tuple[Visit, ...]:
        """Return a day's visits in the order in which they begin, which is the order of their ids."""
        number = day * self._orders_per_day  # a day's ids begin after all ids that the day before may use
        sizes: list[int] = []
        random: list[bytes] = []
        left = self._orders_per_day
        while left:
            drawn = seeded_bytes(self._seed, "visit", number + len(random))
            random.append(drawn)
            sizes.append(min(left, 1 + drawn[0] % _MAX_ORDERS))
            left -= sizes[-1]
        visits: list[Visit] = []
        order = FIRST_ORDER + number
        for position, (size, drawn) in enumerate(zip(sizes, random, strict=True)):
            # each visit begins somewhere in its own share of the day
            begin = DAY * (position * 256 + drawn[1]) // (len(random) * 256)
            statuses = choose(_STATUS_HISTORIES, drawn[2])
            changes = [self._start + day * DAY + begin]
            for step in range(1, len(statuses)):
                fraction = drawn[2 * step + 1] << 8 | drawn[2 * step + 2]
                changes.append(changes[-1] + _MIN_STEP + fraction * (_MAX_STEP - _MIN_STEP) // 0xFFFF)
            visits.append(Visit(1 + number + position, order, size, tuple(changes), statuses))
            order += size
        return tuple(visits)


def _first_order(visit: Visit) -> int:
    return visit.first_order
