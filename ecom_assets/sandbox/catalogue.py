"""What is there from the beginning: the stores, and the products with their changing prices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import orjson

from ecom_assets.sandbox.instants import DAY, written
from ecom_assets.sandbox.seeded_random import dice

_THINGS = (
    "tea pot", "crème bowl", "notebook", "lamp", "scarf", "backpack", "candle", "Smørrebrød board", "clock",
    "mug", "umbrella", "Gugelhupf tin",
)  # fmt: skip
_KINDS = ("Linen", "Walnut", "Recycled", "Ærø", "Plain")
_EVERY = 10  # days from one change of a product's price to the next
_DISCONTINUED = 12  # every so manyth product is not on sale any more

PRODUCTS = range(1, 1 + len(_THINGS) * len(_KINDS))
"""The ids of all products."""

ON_SALE = tuple(product for product in PRODUCTS if product % _DISCONTINUED)
"""The ids of the products that orders may name."""


@dataclass(frozen=True)
class Store:
    """A store; `rate` is what 100 units of the products' currency are in the store's."""

    id: int
    name: str
    currency: str
    timezone: str
    country_code: str
    opened_on: str
    rate: int


STORES = (
    Store(1, "Berlin Mitte", "EUR", "Europe/Berlin", "DE", "2019-03-01", 100),
    Store(2, "Łódź Manufaktura", "PLN", "Europe/Warsaw", "PL", "2021-09-15", 430),
    Store(3, "Paris République", "EUR", "Europe/Paris", "FR", "2022-02-28", 100),
    Store(4, "London Shoreditch", "GBP", "Europe/London", "GB", "2024-05-01", 85),
    Store(5, "Online", "EUR", "UTC", "IE", "2020-02-29", 100),
)
"""All stores, by id."""


@dataclass(frozen=True)
class Price:
    """A product's price in cents, and the instant since which it is that."""

    since: int
    cents: int


def sku(product: int) -> str:
    """Return a product's stock keeping unit."""
    return f"SKU-{product:04d}"


def store_row(store: Store) -> bytes:
    """Return a store's JSON."""
    fields = ("id", "name", "currency", "timezone", "country_code", "opened_on")
    return orjson.dumps({name: getattr(store, name) for name in fields})


class Catalogue:
    """The products. All are there from the start; from the second day on a tenth changes price each day."""

    def __init__(self, seed: int, start: int) -> None:
        """Take the seed and the first second."""
        self._seed = seed
        self._start = start
        self._changed = lru_cache(maxsize=10_000)(self._change)

    def price(self, product: int, instant: int) -> Price:
        """Return the price of a product at an instant at or after the start."""
        day = (instant - self._start) // DAY
        day -= (day - product) % _EVERY
        price = self._changed(product, day)
        return price if price.since <= instant else self._changed(product, day - _EVERY)

    def row(self, product: int, updated: int) -> bytes:
        """Return the JSON of a product as it was since an instant."""
        kind, thing = divmod(product - PRODUCTS[0], len(_THINGS))
        cents = self.price(product, updated).cents
        return orjson.dumps(
            {
                "id": product,
                "sku": sku(product),
                "title": f"{_KINDS[kind]} {_THINGS[thing]}",
                "price": f"{cents // 100}.{cents % 100:02d}",
                "currency": "EUR",
                "status": "active" if product % _DISCONTINUED else "discontinued",
                "weight_grams": None if product % 7 == 0 else 40 * product,
                "created_at": written(self._start),
                "updated_at": written(updated),
            }
        )

    def _change(self, product: int, day: int) -> Price:
        """Return the price that a product got on a day, or the first one for days before the second."""
        base = 250 + int.from_bytes(dice(self._seed, "product", product)[:2], "big") % 9_500
        if day < 1:
            return Price(self._start, base)
        rolled = dice(self._seed, f"price/{product}", day)
        second = int.from_bytes(rolled[:4], "big") % DAY
        return Price(self._start + day * DAY + second, base * (80 + rolled[4] % 41) // 100)
