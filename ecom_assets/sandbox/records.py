"""The sandbox's records at an instant: which of them a window holds, in which order, and their JSON.

Nothing here knows HTTP or faults. The contents come from `ecom_assets.sandbox.customers`, `catalogue`, `visits` and
`orders`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from functools import lru_cache
from typing import Literal, NamedTuple

from ecom_assets.sandbox.catalogue import PRODUCTS, STORES, Catalogue, store_row
from ecom_assets.sandbox.customers import customer_json_start, make_customer
from ecom_assets.sandbox.instants import DAY, iso_text, midnight
from ecom_assets.sandbox.orders import order_json_start
from ecom_assets.sandbox.settings import SandboxSettings
from ecom_assets.sandbox.visits import LONGEST_VISIT, Visits

Kind = Literal["customers", "products", "orders", "stores"]
"""The kinds of records."""

RecordKey = tuple[int, int]
"""A record's updated_at in seconds since 1970 UTC (0 for a store), and its id. Answers are sorted by it."""

EVER = 1 << 40
"""An instant, in seconds since 1970 UTC, after all others; its negative is before all others."""

_MAX_CACHED_WINDOWS = 32
_MAX_CACHED_ORDERS = 100_000


class _WindowKeys(NamedTuple):
    """The keys of a window's customers and orders, which are valid from `since` until just before `until`."""

    since: int
    until: int
    customers: list[RecordKey]
    orders: list[RecordKey]


class SandboxRecords:
    """All records. The results depend only on the settings, the window and `now`; the caches only save time."""

    def __init__(self, settings: SandboxSettings) -> None:
        """Take the seed, the size and the first day; each method gets the time as `now`."""
        self._seed = settings.seed
        self._start = midnight(settings.start)
        self._catalogue = Catalogue(settings.seed, self._start)
        self._visits = Visits(settings.seed, self._start, settings.orders_per_day)
        self._windows: OrderedDict[tuple[int, int], _WindowKeys] = OrderedDict()
        self._order_json_start = lru_cache(maxsize=_MAX_CACHED_ORDERS)(self._make_order_json_start)

    def keys(self, kind: Kind, now: int, first: int = -EVER, end: int = EVER) -> list[RecordKey]:
        """Return the sorted keys of the records with first <= updated_at < end at `now`.

        Do not change the list: it is cached. All instants are in seconds since 1970 UTC.
        """
        if kind == "stores":
            return [(0, store.id) for store in STORES]
        if kind == "products":
            keys = (self.key(kind, product, now) for product in PRODUCTS)
            return sorted(key for key in keys if key and first <= key[0] < end)
        window = self._window_keys(first, end, now)
        return window.orders if kind == "orders" else window.customers

    def key(self, kind: Kind, identity: int, now: int) -> RecordKey | None:
        """Return the key that a record has at `now`, or None if there is no such record yet."""
        if kind == "stores":
            return (0, identity) if 1 <= identity <= len(STORES) else None
        if kind == "products":
            exists = identity in PRODUCTS and now >= self._start
            return (self._catalogue.price(identity, now).since, identity) if exists else None
        visits = self._visits
        visit = visits.of_order(identity) if kind == "orders" else visits.of_customer(identity)
        if visit is None or visit.changes[0] > now:
            return None
        return (visit.changes[bisect_right(visit.changes, now) - 1], identity)

    def row(self, kind: Kind, key: RecordKey) -> bytes:
        """Return the JSON of the record that has this key. Raises KeyError if no record ever has it."""
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
            json_end = f',"status":"{status}","updated_at":"{iso_text(updated)}"}}'
            return self._order_json_start(identity) + json_end.encode()
        visit = self._visits.of_customer(identity)
        if visit is None:
            raise KeyError(key)
        json_start = customer_json_start(make_customer(self._seed, identity), visit.orders, visit.changes[0])
        return json_start + f',"updated_at":"{iso_text(updated)}"}}'.encode()

    def _make_order_json_start(self, order: int) -> bytes:
        visit = self._visits.of_order(order)
        if visit is None:
            raise KeyError(order)
        buyer = make_customer(self._seed, visit.customer)
        return order_json_start(self._seed, self._catalogue, buyer, order, visit.changes[0])

    def _window_keys(self, first: int, end: int, now: int) -> _WindowKeys:
        """Return the keys of a window's customers and orders, from the cache while they are valid."""
        window = self._windows.pop((first, end), None)
        if window is None or not window.since <= now < window.until:
            window = self._find_window_keys(first, end, now)
        self._windows[(first, end)] = window
        if len(self._windows) > _MAX_CACHED_WINDOWS:
            self._windows.popitem(last=False)
        return window

    def _find_window_keys(self, first: int, end: int, now: int) -> _WindowKeys:
        """Search the days that matter: a record's last change is at most LONGEST_VISIT after its visit began."""
        last = min(end - 1, now)
        # a window that reaches past today gets more records tomorrow
        until = EVER if end - 1 <= now else now - (now - self._start) % DAY + DAY
        found = []
        for visit in self._visits.of_days(first - LONGEST_VISIT, last):
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
        # ids of customers and orders rise together, so sorting once does for both
        found.sort()
        customers = [(updated, customer) for updated, customer, _, _ in found]
        orders = [
            (updated, order)
            for updated, _, first_order, count in found
            for order in range(first_order, first_order + count)
        ]
        return _WindowKeys(now, until, customers, orders)
