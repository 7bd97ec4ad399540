"""The records behind all servers. Each server writes them in its own style.

Some lie on the edges of days or share an instant. Some have nulls, or amounts that a float cannot hold. The clocks of
Berlin go forward on the 29th.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TypeVar

UTC = timezone.utc
START = datetime(2026, 3, 27, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
"""The five days that are loaded; there are records before and after them."""

_TOTALS = ("0", "12.5", "19.99", "1000", "0.1", "99999999.99", "7.25")


@dataclass(frozen=True)
class Line:
    """One line of an order, numbered within it."""

    number: int
    sku: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Order:
    """One order; `changed` is in UTC, in whole seconds."""

    number: int
    customer: int
    total: Decimal
    discount: Decimal | None
    note: str | None
    paid: bool
    changed: datetime
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Customer:
    """One customer."""

    number: int
    email: str
    city: str | None
    joined: datetime


def _moments() -> list[datetime]:
    """Return when orders changed, in the order of their numbers, which is not the order of the instants."""
    moments = []
    day = START - timedelta(days=1)
    while day <= END:
        moments += [day, day + timedelta(days=1, seconds=-1)]  # the first and the last second
        moments += [day + timedelta(hours=9)] * 4  # a tie longer than some pages
        moments += [day + timedelta(minutes=30 + 97 * step) for step in range(6)]
        day += timedelta(days=1)
    return moments[1::2] + moments[0::2]


def _order(number: int, changed: datetime) -> Order:
    return Order(
        number=number,
        customer=number % 11 + 1,
        total=Decimal(_TOTALS[number % len(_TOTALS)]),
        discount=None if number % 3 else Decimal(number) / 4,
        note=(None, "", "two\nlines, “quoted”", "Größe 42")[number % 4],
        paid=number % 5 != 0,
        changed=changed,
        lines=tuple(
            Line(line, f"SKU-{(number + line) % 9}", line, Decimal(number * line) / 8)
            for line in range(1, number % 4 + 1)
        ),
    )


ORDERS: tuple[Order, ...] = tuple(_order(number, moment) for number, moment in enumerate(_moments(), 1))
CUSTOMERS: tuple[Customer, ...] = tuple(
    Customer(
        number,
        f"customer{number}@example.com",
        None if number % 4 == 0 else f"City {number}",
        START - timedelta(days=40 * number, hours=number),
    )
    for number in range(1, 12)
)


def between(low: datetime, high: datetime) -> list[Order]:
    """Return the orders that changed in `[low, high)`."""
    return [order for order in ORDERS if low <= order.changed < high]


Item = TypeVar("Item")


def page(items: Sequence[Item], offset: int, limit: int) -> list[Item]:
    """Return the items of one page of a list."""
    return list(items[offset : offset + limit])
