"""The sandbox's records as they are at an instant: which of them a window holds, in order, and their JSON.

Knows no HTTP and no faults. What the records say is made by `people`, `catalogue`, `visits` and `orders`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from functools import lru_cache
from typing import Literal, NamedTuple

from ecom_assets.sandbox.catalogue import PRODUCTS, STORES, Catalogue, store_row
from ecom_assets.sandbox.customers import customer_fragment, person
from ecom_assets.sandbox.instants import DAY, midnight, written
from ecom_assets.sandbox.orders import order_fragment
from ecom_assets.sandbox.settings import SandboxSettings
from ecom_assets.sandbox.visits import LONGEST, Visits

Kind = Literal["customers", "products", "orders", "stores"]
"""The kinds of records."""

Key = tuple[int, int]
"""A record's updated_at in seconds since 1970 UTC (0 for a store), and its id: its place in the answer."""

EVER = 1 << 40
"""An instant, in seconds since 1970 UTC, after all others; its negative is before all others."""

_WINDOWS_KEPT = 32
_FRAGMENTS_KEPT = 100_000


class _Reading(NamedTuple):
    """A window's customers and orders, which stay the same from `since` until just before `until`."""

    since: int
    until: int
    customers: list[Key]
    orders: list[Key]


class SandboxData:
    """All records. Answers depend on the settings, the window and `now` alone; the caches only save time."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Take the seed, the size and the first day; the clock is the caller's."""
        self._seed = settings.seed
        self._start = midnight(settings.start)
        self._catalogue = Catalogue(settings.seed, self._start)
        self._visits = Visits(settings.seed, self._start, settings.orders_per_day)
        self._readings: OrderedDict[tuple[int, int], _Reading] = OrderedDict()
        self._order_fragment = lru_cache(maxsize=_FRAGMENTS_KEPT)(self._new_order_fragment)

    def keys(self, kind: Kind, now: int, first: int = -EVER, end: int = EVER) -> list[Key]:
        """Return the sorted keys of the records with first <= updated_at < end at `now`; leave them as is."""
        if kind == "stores":
            return [(0, store.id) for store in STORES]
        if kind == "products":
            keys = (self.key(kind, product, now) for product in PRODUCTS)
            return sorted(key for key in keys if key and first <= key[0] < end)
        reading = self._reading(first, end, now)
        return reading.orders if kind == "orders" else reading.customers

    def key(self, kind: Kind, identity: int, now: int) -> Key | None:
        """Return the key that a record has at `now`, or None if there is no such record yet."""
        if kind == "stores":
            return (0, identity) if 1 <= identity <= len(STORES) else None
        if kind == "products":
            known = identity in PRODUCTS and now >= self._start
            return (self._catalogue.price(identity, now).since, identity) if known else None
        visits = self._visits
        visit = visits.of_order(identity) if kind == "orders" else visits.of_customer(identity)
        if visit is None or visit.changes[0] > now:
            return None
        return (visit.changes[bisect_right(visit.changes, now) - 1], identity)

    def row(self, kind: Kind, key: Key) -> bytes:
        """Return the JSON of the record that has this key. Raises KeyError if none ever has."""
        updated, identity = key
        if kind == "stores":
            return store_row(STORES[identity - 1])
        if kind == "products":
            return self._catalogue.row(identity, updated)
        if kind == "orders":
            visit = self._visits.of_order(identity)
            if visit is None:
                raise KeyError(key)
            status = visit.status(updated)
            end = f',"status":"{status}","updated_at":"{written(updated)}"}}'
            return self._order_fragment(identity) + end.encode()
        visit = self._visits.of_customer(identity)
        if visit is None:
            raise KeyError(key)
        fragment = customer_fragment(person(self._seed, identity), visit.orders, visit.changes[0])
        return fragment + f',"updated_at":"{written(updated)}"}}'.encode()

    def _new_order_fragment(self, order: int) -> bytes:
        visit = self._visits.of_order(order)
        if visit is None:
            raise KeyError(order)
        buyer = person(self._seed, visit.customer)
        return order_fragment(self._seed, self._catalogue, buyer, order, visit.changes[0])

    def _reading(self, first: int, end: int, now: int) -> _Reading:
        """Return a window's customers and orders, read again only once one of them may have changed."""
        reading = self._readings.pop((first, end), None)
        if reading is None or not reading.since <= now < reading.until:
            reading = self._read(first, end, now)
        self._readings[(first, end)] = reading
        if len(self._readings) > _WINDOWS_KEPT:
            self._readings.popitem(last=False)
        return reading

    def _read(self, first: int, end: int, now: int) -> _Reading:
        """Look through the days that can matter: a record is updated at most LONGEST after its day."""
        last = min(end - 1, now)
        # where the window goes on after today, tomorrow brings more
        until = EVER if end - 1 <= now else now - (now - self._start) % DAY + DAY
        found = []
        for visit in self._visits.begun(first - LONGEST, last):
            changes = visit.changes
            updated = changes[-1]
            if updated > now:
                done = bisect_right(changes, now)
                until = min(until, changes[done])
                if not done:
                    continue
                updated = changes[done - 1]
            if first <= updated < end:
                found.append((updated, visit.customer, visit.first_order, visit.orders))
        # customers and orders are numbered alike, so one sorting does for both
        found.sort()
        customers = [(updated, customer) for updated, customer, _, _ in found]
        orders = [
            (updated, order)
            for updated, _, first_order, many in found
            for order in range(first_order, first_order + many)
        ]
        return _Reading(now, until, customers, orders)
