"""Who comes when: visits, in each of which one customer places a few orders, and what becomes of them later.

All orders of a visit and its customer share one history of changes, so whatever window of time holds an
order holds its customer too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ecom_assets.sandbox.instants import DAY
from ecom_assets.sandbox.seeded_random import dice, pick

FIRST_ORDER = 1001
"""The id of the first order."""

LONGEST = 6 * DAY
"""No visit changes later than so many seconds after it began."""

_DELIVERED = ("paid", "packed", "shipped", "delivered")
_JOURNEYS = (
    *(_DELIVERED,) * 12,
    (*_DELIVERED, "refunded"),
    (*_DELIVERED, "refunded"),
    ("paid", "packed", "cancelled"),
    ("paid", "cancelled"),
)
_SOONEST = 1_800  # seconds from one change to the next
_LATEST = LONGEST // 4  # a journey has four changes at most
_MOST_ORDERS = 5


class Visit(NamedTuple):
    """A customer's visit: ids, and the instants of its changes, the first of which is its beginning."""

    customer: int
    first_order: int
    orders: int
    changes: tuple[int, ...]
    journey: tuple[str, ...]

    def status(self, updated: int) -> str:
        """Return the status that the orders have had since this change."""
        return self.journey[self.changes.index(updated)]


class Visits:
    """All visits, made a day at a time and only for the days that are asked for."""

    def __init__(self, seed: int, start: int, orders_per_day: int) -> None:
        """Take the seed, the first second, and how many orders all visits of a day add up to."""
        self._seed = seed
        self._start = start
        self._orders = orders_per_day
        self._on = lru_cache(maxsize=128)(self._of_day)

    def begun(self, first: int, last: int) -> Iterator[Visit]:
        """Yield the visits of all days from that of the instant `first` to that of `last`."""
        days = range(max(0, (first - self._start) // DAY), (last - self._start) // DAY + 1)
        for day in days:
            yield from self._on(day)

    def of_customer(self, customer: int) -> Visit | None:
        """Return the visit of a customer, if there is or will be one."""
        if customer < 1 or not self._orders:
            return None
        day, position = divmod(customer - 1, self._orders)
        visits = self._on(day)
        return visits[position] if position < len(visits) else None

    def of_order(self, order: int) -> Visit | None:
        """Return the visit in which an order was or will be placed."""
        if order < FIRST_ORDER or not self._orders:
            return None
        visits = self._on((order - FIRST_ORDER) // self._orders)
        return visits[bisect_right(visits, order, key=_first_order) - 1]

    def _of_day(self, day: int) -> tuple[Visit, ...]:
        """Return a day's visits in the order in which they begin, which is that of their ids."""
        number = day * self._orders  # the ids of a day begin where those of the day before end at the latest
        sizes: list[int] = []
        rolls: list[bytes] = []
        left = self._orders
        while left:
            rolled = dice(self._seed, "visit", number + len(rolls))
            rolls.append(rolled)
            sizes.append(min(left, 1 + rolled[0] % _MOST_ORDERS))
            left -= sizes[-1]
        visits: list[Visit] = []
        order = FIRST_ORDER + number
        for position, (size, rolled) in enumerate(zip(sizes, rolls, strict=True)):
            # each visit begins somewhere in its own share of the day
            share = DAY * (position * 256 + rolled[1]) // (len(rolls) * 256)
            journey = pick(_JOURNEYS, rolled[2])
            changes = [self._start + day * DAY + share]
            for step in range(1, len(journey)):
                chance = rolled[2 * step + 1] << 8 | rolled[2 * step + 2]
                changes.append(changes[-1] + _SOONEST + chance * (_LATEST - _SOONEST) // 0xFFFF)
            visits.append(Visit(1 + number + position, order, size, tuple(changes), journey))
            order += size
        return tuple(visits)


def _first_order(visit: Visit) -> int:
    return visit.first_order
