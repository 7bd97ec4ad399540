"""The shop's records, the same in every session: rows of JSON in files, and an index of their offsets.

A page is a slice of such a file, so serving it costs almost nothing.
"""

from __future__ import annotations

import json
import mmap
import random
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
DAYS = 365
"""The length of the year that contains every `updated_at`."""

DAY = 86_400
RESOURCES = ("customers", "products", "orders")

_VERSION = 1  # of the records: files of another version are not used
_FIRST = ("Ada", "Bela", "Chiara", "Dai", "Elif", "Femi", "Greta", "Hana")
_LAST = ("Okafor", "Berg", "Costa", "Dang", "Eriksen", "Fabre", "García", "Horváth")
_CITIES = (("Graz", "AT"), ("Lyon", "FR"), ("Porto", "PT"), ("Turku", "FI"), ("Łódź", "PL"))
_STATUSES = ("pending", "paid", "paid", "shipped", "delivered", "delivered", "cancelled")


@dataclass(frozen=True)
class Size:
    """How many records there are of each resource; an order has one to three lines."""

    orders: int
    customers: int
    products: int

    @classmethod
    def of(cls, orders: int) -> Size:
        """Return the size with a customer per five orders and a product per twenty."""
        return cls(orders, orders // 5, orders // 20)


class Rows:
    """The records of one resource, sorted by `updated_at`, in a memory-mapped file."""

    def __init__(self, folder: Path, resource: str) -> None:
        """Open the files that `make` wrote."""
        self._updated = _read(folder / f"{resource}.updated")
        self._offsets = _read(folder / f"{resource}.offsets")
        with (folder / f"{resource}.json").open("rb") as file:
            self._rows = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def between(self, first: int | None, end: int | None) -> tuple[int, int]:
        """Return the positions of the records with first <= updated_at < end, in seconds since 1970 UTC."""
        low = 0 if first is None else bisect_left(self._updated, first)
        high = len(self._updated) if end is None else bisect_left(self._updated, end)
        return low, max(low, high)

    def text(self, low: int, high: int) -> bytes:
        """Return the records of these positions as JSON, separated by commas."""
        return self._rows[self._offsets[low] : self._offsets[high] - 1] if low < high else b""


def folder_of(root: Path, size: Size) -> Path:
    """Return the folder of the records of a size."""
    return root / f"v{_VERSION}-{size.orders}-{size.customers}-{size.products}"


def make(root: Path, size: Size) -> Path:
    """Write the records of a size unless their folder exists; returns the folder."""
    folder = folder_of(root, size)
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        unfinished.mkdir(parents=True, exist_ok=True)
        for resource in RESOURCES:
            _write(unfinished, resource, getattr(size, resource), _WRITERS[resource](size))
        unfinished.rename(folder)
    return folder


def _write(folder: Path, resource: str, many: int, record: Callable[[random.Random, int], Any]) -> None:
    chance = random.Random(f"{resource} {many}")
    begin = int(START.timestamp())
    updated = array("q", sorted(begin + chance.randrange(DAYS * DAY) for _ in range(many)))
    offsets = array("q", [0])
    with (folder / f"{resource}.json").open("wb") as file:
        offset = 0
        for position, seconds in enumerate(updated):
            row = record(chance, position + 1)
            row["created_at"] = _instant(seconds - chance.randrange(30 * DAY))
            row["updated_at"] = _instant(seconds)
            offset += file.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b",")
            offsets.append(offset)
    for name, numbers in (("updated", updated), ("offsets", offsets)):
        (folder / f"{resource}.{name}").write_bytes(numbers.tobytes())


def _read(file: Path) -> array[int]:
    numbers = array("q")
    numbers.frombytes(file.read_bytes())
    return numbers


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"


def _customers(size: Size) -> Callable[[random.Random, int], dict[str, Any]]:
    def record(chance: random.Random, number: int) -> dict[str, Any]:
        city, country = chance.choice(_CITIES)
        return {
            "id": number,
            "email": f"customer{number}@shop.example",
            "first_name": chance.choice(_FIRST),
            "last_name": chance.choice(_LAST),
            "accepts_marketing": chance.random() < 0.4,
            "address": {"city": city, "country_code": country},
            "orders_count": chance.randrange(20),
        }

    return record


def _products(size: Size) -> Callable[[random.Random, int], dict[str, Any]]:
    def record(chance: random.Random, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "sku": f"SKU-{number:06d}",
            "title": f"Product {number}",
            "price": _money(chance.randrange(10_000, 3_000_000)),
            "currency": "EUR",
            "status": "active" if chance.random() < 0.9 else "archived",
            "weight_grams": chance.randrange(50, 5_000) if chance.random() < 0.8 else None,
        }

    return record


def _orders(size: Size) -> Callable[[random.Random, int], dict[str, Any]]:
    def record(chance: random.Random, number: int) -> dict[str, Any]:
        lines = list(_lines(chance, size))
        total = sum(line["quantity"] * int(line["unit_price"].replace(".", "")) for line in lines)
        customer = 1 + chance.randrange(size.customers)
        city, country = chance.choice(_CITIES)
        address = {
            "name": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
            "street": f"Long Street {chance.randrange(1, 200)}",
            "city": city,
            "postal_code": f"{chance.randrange(10_000, 99_999)}",
            "country_code": country,
        }
        return {
            "id": number,
            "number": f"R{number:07d}",
            "customer_id": customer,
            "email": f"customer{customer}@shop.example",
            "status": chance.choice(_STATUSES),
            "currency": "EUR",
            "total": _money(total),
            "tax_rate": chance.choice((0.07, 0.19, 0.2, 0.25)),
            "shipping_address": None if chance.random() < 0.1 else address,
            "line_items": lines,
        }

    return record


def _lines(chance: random.Random, size: Size) -> Iterator[dict[str, Any]]:
    for line in range(1 + chance.randrange(3)):
        product = 1 + chance.randrange(size.products)
        yield {
            "id": line + 1,
            "product_id": product,
            "sku": f"SKU-{product:06d}",
            "quantity": 1 + chance.randrange(5),
            "unit_price": _money(chance.randrange(10_000, 3_000_000)),
        }


_WRITERS = {"customers": _customers, "products": _products, "orders": _orders}
