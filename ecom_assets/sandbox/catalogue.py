"""The catalogue: the stores, and the products with their changing prices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import orjson

from ecom_assets.sandbox.instants import DAY, iso_text
from ecom_assets.sandbox.seeded_random import seeded_bytes

_PRODUCT_NOUNS = (
    "tea pot", "crème bowl", "notebook", "lamp", "scarf", "backpack", "candle", "Smørrebrød board", "clock",
    "mug", "umbrella", "Gugelhupf tin",
)  # fmt: skip
_PRODUCT_ADJECTIVES = ("Linen", "Walnut", "Recycled", "Ærø", "Plain")
_PRICE_INTERVAL = 10  # days from one change of a product's price to the next
_DISCONTINUED_EVERY = 12  # products with an id divisible by this are no longer on sale

PRODUCTS = range(1, 1 + len(_PRODUCT_NOUNS) * len(_PRODUCT_ADJECTIVES))
"""The ids of all products."""

ON_SALE = tuple(product for product in PRODUCTS if product % _DISCONTINUED_EVERY)
"""The ids of the products that orders may contain."""


@dataclass(frozen=True)
class Store:
    """A store; 100 units of the products' currency are `rate` units of the store's."""

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
    """A product's price in cents, and since when: an instant in seconds since 1970 UTC."""

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
    """The products. All exist from the start; from the second day on, a tenth of them changes price each day."""

    def __init__(self, seed: int, start: int) -> None:
        """Take the sandbox's seed and its first second since 1970 UTC."""
        self._seed = seed
        self._start = start
        self._price_of_day = lru_cache(maxsize=10_000)(self._make_price)

    def price(self, product: int, instant: int) -> Price:
        """Return the price of a product at an instant at or after the start."""
        day = (instant - self._start) // DAY
        day -= (day - product) % _PRICE_INTERVAL
        price = self._price_of_day(product, day)
        return price if price.since <= instant else self._price_of_day(product, day - _PRICE_INTERVAL)

    def row(self, product: int, updated: int) -> bytes:
        """Return the JSON of a product with its price of an instant, which is also its `updated_at`."""
        adjective, noun = divmod(product - PRODUCTS[0], len(_PRODUCT_NOUNS))
        cents = self.price(product, updated).cents
        return orjson.dumps(
            {
                "id": product,
                "sku": sku(product),
                "title": f"{_PRODUCT_ADJECTIVES[adjective]} {_PRODUCT_NOUNS[noun]}",
                "price": f"{cents // 100}.{cents % 100:02d}",
                "currency": "EUR",
                "status": "active" if product % _DISCONTINUED_EVERY else "discontinued",
                "weight_grams": None if product % 7 == 0 else 40 * product,
                "created_at": iso_text(self._start),
                "updated_at": iso_text(updated),
            }
        )

    def _make_price(self, product: int, day: int) -> Price:
        """Return the price that a product got on a day; days before the second have the first price."""
        base = 250 + int.from_bytes(seeded_bytes(self._seed, "product", product)[:2], "big") % 9_500
        if day < 1:
            return Price(self._start, base)
        drawn = seeded_bytes(self._seed, f"price/{product}", day)
        second = int.from_bytes(drawn[:4], "big") % DAY
        return Price(self._start + day * DAY + second, base * (80 + drawn[4] % 41) // 100)
