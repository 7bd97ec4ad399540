"""The orders: line items, prices and shipping addresses."""

from __future__ import annotations

import orjson

from ecom_assets.sandbox.catalogue import ON_SALE, STORES, Catalogue, sku
from ecom_assets.sandbox.customers import Customer
from ecom_assets.sandbox.instants import iso_text
from ecom_assets.sandbox.seeded_random import choose, seeded_bytes

_DISCOUNTS = (0, 0, 0, 0, 3, 7, 15)  # per cent
_MAX_LINES = 4
_PICKED_UP = 40  # of 256 orders; these have no shipping address


def order_json_start(seed: int, catalogue: Catalogue, buyer: Customer, order: int, created: int) -> bytes:
    """Return the order's JSON without its end, which is `status`, `updated_at` and the closing brace.

    Args:
        seed: The sandbox's seed.
        catalogue: The products and their prices.
        buyer: The customer.
        order: The order's id.
        created: Seconds since 1970 UTC; the prices are those of this instant.
    """
    drawn = seeded_bytes(seed, "order", order)
    store = choose(STORES, drawn[0])
    lines = []
    total = 0  # amounts are counted in ten-thousandths, so that they add up exactly
    for line in range(1 + drawn[1] % _MAX_LINES):
        low, high, amount, discount = drawn[4 + 4 * line : 8 + 4 * line]
        product = choose(ON_SALE, low, high)
        cents = catalogue.price(product, created).cents
        price = cents * (100 - choose(_DISCOUNTS, discount)) * store.rate // 100
        quantity = 1 + amount % 5
        total += quantity * price
        lines.append(
            {
                "id": line + 1,
                "product_id": product,
                "sku": sku(product),
                "quantity": quantity,
                "unit_price": _amount_text(price),
            }
        )
    picked_up = drawn[2] < _PICKED_UP
    return orjson.dumps(
        {
            "id": order,
            "number": str(order),
            "buyer": {"id": buyer.id, "email": buyer.email},
            "store_id": store.id,
            "currency": store.currency,
            "total": _amount_text(total),
            "tax_rate": buyer.tax_rate,
            "shipping_address": None if picked_up else _shipping_address(buyer),
            "line_items": lines,
            "created_at": iso_text(created),
        }
    )[:-1]


def _shipping_address(buyer: Customer) -> dict[str, str]:
    return {
        "name": f"{buyer.first_name} {buyer.last_name}",
        "street": buyer.street,
        "city": buyer.city,
        "postal_code": buyer.postal_code,
        "country_code": buyer.country_code,
    }


def _amount_text(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"
