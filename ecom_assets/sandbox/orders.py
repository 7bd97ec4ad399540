"""The orders of a visit: what was bought, for how much, and where it goes."""

from __future__ import annotations

import orjson

from ecom_assets.sandbox.catalogue import ON_SALE, STORES, Catalogue, sku
from ecom_assets.sandbox.customers import Person
from ecom_assets.sandbox.instants import written
from ecom_assets.sandbox.seeded_random import dice, pick

_DISCOUNTS = (0, 0, 0, 0, 3, 7, 15)  # per cent
_MOST_LINES = 4
_PICKED_UP = 40  # of 256 orders


def order_fragment(seed: int, catalogue: Catalogue, buyer: Person, order: int, created: int) -> bytes:
    """Return the order's JSON without its end, to which `status`, `updated_at` and a closing brace belong."""
    rolled = dice(seed, "order", order)
    store = pick(STORES, rolled[0])
    lines = []
    total = 0  # amounts are counted in ten-thousandths, so that they add up exactly
    for line in range(1 + rolled[1] % _MOST_LINES):
        low, high, many, discount = rolled[4 + 4 * line : 8 + 4 * line]
        product = pick(ON_SALE, low, high)
        cents = catalogue.price(product, created).cents
        price = cents * (100 - pick(_DISCOUNTS, discount)) * store.rate // 100
        quantity = 1 + many % 5
        total += quantity * price
        lines.append(
            {
                "id": line + 1,
                "product_id": product,
                "sku": sku(product),
                "quantity": quantity,
                "unit_price": _amount(price),
            }
        )
    picked_up = rolled[2] < _PICKED_UP
    return orjson.dumps(
        {
            "id": order,
            "number": str(order),
            "buyer": {"id": buyer.id, "email": buyer.email},
            "store_id": store.id,
            "currency": store.currency,
            "total": _amount(total),
            "tax_rate": buyer.tax_rate,
            "shipping_address": None if picked_up else _address(buyer),
            "line_items": lines,
            "created_at": written(created),
        }
    )[:-1]


def _address(buyer: Person) -> dict[str, str]:
    return {
        "name": f"{buyer.first_name} {buyer.last_name}",
        "street": buyer.street,
        "city": buyer.city,
        "postal_code": buyer.postal_code,
        "country_code": buyer.country_code,
    }


def _amount(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"
