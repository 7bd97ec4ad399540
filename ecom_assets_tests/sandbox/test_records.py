"""The sandbox's records, at any instant and with any seed."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ecom_assets.declaration.reading import Column, Resource, load_shop, shops_dir
from ecom_assets.sandbox import SandboxSettings
from ecom_assets.sandbox.instants import DAY, iso_text, midnight
from ecom_assets.sandbox.records import EVER, Kind, RecordKey, SandboxRecords
from ecom_assets_tests.support.examples import examples

START = midnight(date(2026, 1, 1))
ORDERS = 40
UPDATED: tuple[Kind, ...] = ("customers", "products", "orders")

instants = st.integers(START, START + 30 * DAY)
seeds = st.integers(0, 5)
quick = examples(0.25)


def data_of(seed: int = 1, orders: int = ORDERS) -> SandboxRecords:
    """Return small data."""
    return SandboxRecords(SandboxSettings(seed=seed, orders_per_day=orders))


def rows(
    data: SandboxRecords, kind: Kind, now: int, first: int = -EVER, end: int = EVER
) -> list[dict[str, Any]]:
    """Return the records of a window."""
    return [orjson.loads(data.row(kind, key)) for key in data.keys(kind, now, first, end)]


@given(seeds, instants)
@quick
def test_same_instant_same_answer(seed: int, now: int) -> None:
    """Earlier questions make no difference, neither by the caches nor by where the clock was."""
    used = data_of(seed)
    for before in (now - DAY, now + 3 * DAY, now - 1):
        used.keys("orders", before)
        used.keys("orders", before, now - DAY, now)
    for first, end in ((-EVER, EVER), (now - DAY, now)):
        for kind in UPDATED:
            assert rows(used, kind, now, first, end) == rows(data_of(seed), kind, now, first, end)


def test_time_moves() -> None:
    """Repeated answers move with the clock, also in a shop with hardly any orders."""
    used = data_of(orders=1)
    for now in range(START, START + 9 * DAY, DAY // 50):
        for first, end in ((-EVER, EVER), (START + DAY, START + 4 * DAY)):
            fresh = data_of(orders=1)
            for kind in UPDATED:
                assert used.keys(kind, now, first, end) == fresh.keys(kind, now, first, end)


@given(seeds, instants)
@quick
def test_nothing_beyond_now(seed: int, now: int) -> None:
    """No record is newer than the clock or older than the shop, and none changes before its creation."""
    data = data_of(seed)
    for kind in UPDATED:
        for row in rows(data, kind, now):
            assert iso_text(START) <= row["created_at"] <= row["updated_at"] <= iso_text(now)


@given(instants)
@quick
def test_orders_placed(now: int) -> None:
    """Each whole day has its orders, neither more nor fewer, numbered without a gap."""
    orders = rows(data_of(), "orders", now)
    days = (now - START) // DAY
    by_day = [row for row in orders if row["created_at"] < iso_text(START + days * DAY)]
    assert len(by_day) == days * ORDERS
    assert sorted(row["id"] for row in orders) == list(range(1001, 1001 + len(orders)))


@given(seeds, instants, st.integers(DAY // 24, 9 * DAY))
@quick
def test_windows_tile(seed: int, now: int, length: int) -> None:
    """Consecutive windows hold each record once, in the same order as one answer without a window."""
    data = data_of(seed)
    bounds = [*range(START, now + 1, length), now + 1]
    for kind in UPDATED:
        tiled = [rows(data, kind, now, first, end) for first, end in itertools.pairwise(bounds)]
        whole = rows(data, kind, now)
        assert list(itertools.chain(*tiled)) == whole
        assert whole == sorted(whole, key=lambda row: (row["updated_at"], row["id"]))
        assert len({row["id"] for row in whole}) == len(whole)


@given(seeds, instants, instants, st.integers(1, 2 * DAY))
@quick
def test_references(seed: int, now: int, first: int, length: int) -> None:
    """The orders of any window have their customers in the same window, products and stores anywhere."""
    data = data_of(seed)
    customers = {row["id"]: row for row in rows(data, "customers", now, first, first + length)}
    products = {row["id"]: row["sku"] for row in rows(data, "products", now)}
    stores = {row["id"]: row for row in rows(data, "stores", now)}
    placed: dict[int, int] = dict.fromkeys(customers, 0)
    for order in rows(data, "orders", now, first, first + length):
        buyer = customers[order["buyer"]["id"]]
        placed[buyer["id"]] += 1
        assert order["updated_at"] == buyer["updated_at"]
        assert order["buyer"]["email"] == buyer["email"]
        assert order["currency"] == stores[order["store_id"]]["currency"]
        assert all(products[line["product_id"]] == line["sku"] for line in order["line_items"])
    assert placed == {identity: row["orders_count"] for identity, row in customers.items()}
    assert all(1 <= count <= 5 for count in placed.values())


@given(seeds)
@quick
def test_amounts(seed: int) -> None:
    """The lines of an order add up to its total to the last of four decimals, and are numbered."""
    for order in rows(data_of(seed), "orders", START + 2 * DAY):
        lines = order["line_items"]
        assert 1 <= len(lines) <= 4
        assert len({line["id"] for line in lines}) == len(lines)
        assert Decimal(order["total"]) == sum(
            line["quantity"] * Decimal(line["unit_price"]) for line in lines
        )
        assert Decimal(order["total"]).as_tuple().exponent == -4
        assert isinstance(order["tax_rate"], float)


@given(st.integers(1001, 1001 + 10 * ORDERS), instants)
@examples(0.1)
def test_orders_move_on(order: int, now: int) -> None:
    """An order only changes its status, in the usual sequence, and each change moves `updated_at`."""
    data = data_of()
    history: list[tuple[RecordKey, dict[str, Any]]] = []
    for instant in range(now, now + 8 * DAY, 600):
        key = data.key("orders", order, instant)
        if key is not None and (not history or history[-1][0] != key):
            history.append((key, orjson.loads(data.row("orders", key))))
    journey = ["paid", "packed", "shipped", "delivered", "refunded", "cancelled"]
    found = [journey.index(row["status"]) for _, row in history]
    assert found == sorted(set(found))
    unlike = [{**row, "status": "", "updated_at": ""} for _, row in history]
    assert all(row == unlike[0] for row in unlike)


def test_every_status_and_kind() -> None:
    """A month has every kind of value that a loader must handle."""
    data = data_of(orders=200)
    now = START + 30 * DAY
    orders, customers = rows(data, "orders", now), rows(data, "customers", now)
    statuses = {row["status"] for row in orders}
    assert statuses == {"paid", "packed", "shipped", "delivered", "refunded", "cancelled"}
    assert {row["shipping_address"] is None for row in orders} == {True, False}
    assert {row["note"] is None for row in customers} == {True, False}
    assert {min(len(row["tags"]), 2) for row in customers} == {0, 1, 2}
    assert any(not row["last_name"].isascii() for row in customers)
    assert all(row["email"].isascii() for row in customers)
    assert {row["weight_grams"] is None for row in rows(data, "products", now)} == {True, False}


def test_prices_change_daily() -> None:
    """Several products change their price each day, and a record has the price of its instant."""
    data = data_of()
    assert {row["updated_at"] for row in rows(data, "products", START)} == {iso_text(START)}
    for day in range(1, 60):
        midnight_after = START + (day + 1) * DAY
        changed = rows(data, "products", midnight_after - 1, midnight_after - DAY, midnight_after)
        assert len(changed) == 6
        before = {row["id"]: row["price"] for row in rows(data, "products", midnight_after - DAY - 1)}
        assert any(row["price"] != before[row["id"]] for row in changed)
    assert rows(data, "products", START - 1) == []


def values_at(record: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Return the value at a path, None if a part of the path is null."""
    value: Any = record
    for step in path:
        value = None if value is None else value[step]
    return value


def declared(resource: Resource) -> list[Column]:
    """Return the columns that come from the record itself."""
    return [column for column in resource.columns if not column.path[0].startswith("_")]


def test_declaration_fits() -> None:
    """Each record fills every declared column, with null only where the declaration allows it."""
    data, now = data_of(), START + 20 * DAY
    shop = load_shop(shops_dir({}) / "sandbox.yaml")
    kinds: dict[str, Kind] = {kind: kind for kind in (*UPDATED, "stores")}
    read_in = {name: rows(data, kind, now) for name, kind in kinds.items()}
    read_in["order_items"] = [line for order in read_in["orders"] for line in order["line_items"]]
    for resource in shop.resources:
        records = read_in[resource.name]
        assert records
        tops = {column.path[0] for column in declared(resource)}
        assert all(tops == record.keys() - {"line_items"} for record in records)
        for column in declared(resource):
            holes = any(values_at(record, column.path) is None for record in records)
            assert holes == column.nullable, (resource.name, column.name)


def test_no_orders() -> None:
    """A shop may have no orders at all, and then has no customers."""
    data = data_of(orders=0)
    assert data.keys("orders", START + DAY) == data.keys("customers", START + DAY) == []
    assert data.key("orders", 1001, START + DAY) is data.key("customers", 1, START + DAY) is None
